//! The operations of memory, written once over whatever holds the entries.

use super::path::{after_subtree, name_text};
use super::{MemoryError, MemoryPath, MemoryUpdate, Node};
use crate::json::{Json, write_string};
use std::ops::Bound;

/// Leaves and empty objects, sorted by path.
///
/// *Invariant:* no leaf or empty object has an entry below it.
pub trait Entries {
    /// What stands at exactly this path.
    fn entry(&self, path: &[u8]) -> Option<&Node>;
    /// The first entry at or after a bound.
    fn entry_from(&self, bound: Bound<&[u8]>) -> Option<(&MemoryPath, &Node)>;
    /// Puts an entry.
    fn put_entry(&mut self, path: MemoryPath, node: Node);
    /// Takes an entry away.
    fn take_entry(&mut self, path: &[u8]);

    /// The value at the path; an object as a JSON object of all that is below it; none if nothing is there.
    fn get(&self, path: &MemoryPath) -> Option<Json> {
        match self.entry(path.as_encoded()) {
            Some(Node::Leaf(json)) => Some(json.clone()),
            Some(Node::EmptyObject) => Some(Json::from_checked("{}")),
            None if path.is_root() || self.has_below(path.as_encoded()) => Some(self.object(path)),
            None => None,
        }
    }

    /// Names of the fields of the object at the path, in the order of their bytes; none if no object is there.
    fn fields(&self, path: &MemoryPath) -> Option<Vec<String>> {
        match self.entry(path.as_encoded()) {
            Some(Node::Leaf(_)) => return None,
            Some(Node::EmptyObject) => return Some(Vec::new()),
            None => {}
        }
        let prefix = path.as_encoded();
        let mut names = Vec::new();
        let mut bound = prefix.to_vec();
        while let Some((found, _)) = self.entry_from(Bound::Included(&bound)) {
            let Some(rest) = found.as_encoded().strip_prefix(prefix) else { break };
            let name = MemoryPath::from_encoded_unchecked(rest).first_name();
            names.push(name_text(&name));
            bound = after_subtree(&[prefix, &name].concat());
        }
        (path.is_root() || !names.is_empty()).then_some(names)
    }

    /// Whether a value or an object is at the path.
    fn exists(&self, path: &MemoryPath) -> bool {
        path.is_root() || self.entry(path.as_encoded()).is_some() || self.has_below(path.as_encoded())
    }

    /// Whether anything is below the path.
    fn has_below(&self, path: &[u8]) -> bool {
        self.entry_from(Bound::Excluded(path)).is_some_and(|(found, _)| found.as_encoded().starts_with(path))
    }

    /// Does what an update says, and tells whether it changed anything.
    fn update(&mut self, update: &MemoryUpdate) -> Result<bool, MemoryError> {
        match update {
            MemoryUpdate::Set(path, json) => self.set(path, json).map(|()| true),
            MemoryUpdate::NewObject(path) => self.new_object(path),
            MemoryUpdate::Remove(path) => Ok(self.remove(path)),
        }
    }

    /// Puts a leaf. Missing parents are made.
    fn set(&mut self, path: &MemoryPath, json: &Json) -> Result<(), MemoryError> {
        if path.is_root() {
            return Err(MemoryError::TypeMismatch("set \"\": it is the root of memory: name a path".to_owned()));
        }
        self.check_ancestors(path)?;
        let is_object = match self.entry(path.as_encoded()) {
            Some(Node::Leaf(_)) => false,
            Some(Node::EmptyObject) => true,
            None => self.has_below(path.as_encoded()),
        };
        if is_object {
            let what = format!("set {path:?}: an object stands there; remove it first");
            return Err(MemoryError::TypeMismatch(what));
        }
        self.fill_ancestors(path);
        self.put_entry(path.clone(), Node::Leaf(json.clone()));
        Ok(())
    }

    /// Makes an empty object, unless one is there; whether it did.
    fn new_object(&mut self, path: &MemoryPath) -> Result<bool, MemoryError> {
        self.check_ancestors(path)?;
        if let Some(Node::Leaf(_)) = self.entry(path.as_encoded()) {
            let what = format!("make object {path:?}: a value stands there; remove it first");
            return Err(MemoryError::TypeMismatch(what));
        }
        if self.exists(path) {
            return Ok(false);
        }
        self.fill_ancestors(path);
        self.put_entry(path.clone(), Node::EmptyObject);
        Ok(true)
    }

    /// Removes the value, or the object with all below it; whether something was there.
    fn remove(&mut self, path: &MemoryPath) -> bool {
        let mut found = self.entry(path.as_encoded()).is_some();
        if found {
            self.take_entry(path.as_encoded());
        }
        while let Some((below, _)) = self.entry_from(Bound::Excluded(path.as_encoded())) {
            if !below.as_encoded().starts_with(path.as_encoded()) {
                break;
            }
            let below = below.clone();
            self.take_entry(below.as_encoded());
            found = true;
        }
        if found
            && let Some(parent) = path.ancestors().next_back()
            && !self.has_below(parent)
        {
            self.put_entry(MemoryPath::from_encoded_unchecked(parent), Node::EmptyObject);
        }
        found
    }

    /// A path to change must not go through a value.
    fn check_ancestors(&self, path: &MemoryPath) -> Result<(), MemoryError> {
        for ancestor in path.ancestors() {
            if let Some(Node::Leaf(_)) = self.entry(ancestor) {
                let value = MemoryPath::from_encoded_unchecked(ancestor);
                let what = format!("change {path:?}: a value stands at {value:?}; paths do not reach into values");
                return Err(MemoryError::TypeMismatch(what));
            }
        }
        Ok(())
    }

    /// Something comes below these objects: they are empty no longer.
    fn fill_ancestors(&mut self, path: &MemoryPath) {
        for ancestor in path.ancestors() {
            if let Some(Node::EmptyObject) = self.entry(ancestor) {
                self.take_entry(ancestor);
            }
        }
    }

    /// All below an object, as JSON.
    fn object(&self, path: &MemoryPath) -> Json {
        let prefix = path.as_encoded();
        let mut text = String::from("{");
        let mut open: Vec<Vec<u8>> = Vec::new();
        let mut bound = Bound::Excluded(prefix.to_vec());
        let mut first = true;
        while let Some((found, node)) = self.entry_from(bound.as_ref().map(Vec::as_slice)) {
            let Some(rest) = found.as_encoded().strip_prefix(prefix) else { break };
            let names: Vec<Vec<u8>> = MemoryPath::from_encoded_unchecked(rest).names().map(<[u8]>::to_vec).collect();
            let (last, objects) = names.split_last().expect("an entry below has a name");
            let common = open.iter().zip(objects).take_while(|(a, b)| a == b).count();
            for _ in common..open.len() {
                text.push('}');
            }
            open.truncate(common);
            if !first {
                text.push(',');
            }
            first = false;
            for object in &objects[common..] {
                write_string(&name_text(object), &mut text);
                text.push_str(":{");
                open.push(object.clone());
            }
            write_string(&name_text(last), &mut text);
            text.push(':');
            text.push_str(match node {
                Node::Leaf(json) => json.as_str(),
                Node::EmptyObject => "{}",
            });
            bound = Bound::Excluded(found.as_encoded().to_vec());
        }
        for _ in &open {
            text.push('}');
        }
        text.push('}');
        Json::from_checked(text)
    }
}
