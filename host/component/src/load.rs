//! Components as the host takes them in.

use crate::bindings::ComponentPre;
use crate::cache::{CodeCache, CompileCost};
use crate::contract;
use crate::describe::Description;
use crate::error::{LoadError, LoadErrorReason};
use crate::http::{GrantedOrigins, HttpGrant, TlsRoots};
use crate::instance::{Idle, Slots, describe, measure_instance};
use crate::secret::Redactor;
use crate::state::HostState;
use crate::ticker::Ticks;
use crate::{engine, interfaces, wasi};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wasmtime::Engine;
use wasmtime::component::{ComponentExportIndex, Linker};
use weir_core::limits::InvocationLimits;

/// A component as the manifest names it.
#[derive(Clone, Debug, Default)]
pub struct ComponentSource {
    /// Its name for people: the path in the manifest.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it may reach.
    pub grants: Grants,
    /// What `config.get` answers.
    pub config: BTreeMap<String, String>,
    /// What it may use while it describes itself; an invocation brings its own. Its stack is fixed here.
    pub limits: Arc<InvocationLimits>,
}

/// What a component may reach [S10].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Origins it may send requests to.
    pub http: Vec<HttpGrant>,
}

/// What all instances of a component share.
#[derive(Debug)]
pub(crate) struct GuestSettings {
    pub(crate) name: Arc<str>,
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) grants: GrantedOrigins,
    pub(crate) redactor: Redactor,
    pub(crate) limits: Arc<InvocationLimits>,
    pub(crate) ticks: Arc<Ticks>,
}

#[cfg(test)]
impl GuestSettings {
    /// Settings that grant nothing, with one secret.
    pub(crate) fn with_secret(secret: &str) -> Self {
        Self {
            name: "guest".into(),
            config: BTreeMap::new(),
            grants: GrantedOrigins::default(),
            redactor: Redactor::new([crate::secret::Secret::new(secret)].into_iter()),
            limits: Arc::default(),
            ticks: Arc::default(),
        }
    }
}

/// A component that has described itself and can be run. Cheap to clone.
#[derive(Clone)]
pub struct LoadedComponent(pub(crate) Arc<Loaded>);

pub(crate) struct Loaded {
    digest: Arc<str>,
    size_bytes: usize,
    compile_cost: CompileCost,
    imports: Vec<String>,
    description: Description,
    pub(crate) guest: Arc<GuestSettings>,
    pub(crate) pre: ComponentPre<HostState>,
    /// Where its `invoke` is.
    pub(crate) invoke: ComponentExportIndex,
    pub(crate) slots: Slots,
    pub(crate) idle: Mutex<Idle>,
}

impl LoadedComponent {
    /// SHA-256 of its bytes, in hexadecimal.
    pub fn digest(&self) -> &Arc<str> {
        &self.0.digest
    }

    /// Its name for people.
    pub fn name(&self) -> &str {
        &self.0.guest.name
    }

    /// What it says of itself.
    pub fn describe(&self) -> &Description {
        &self.0.description
    }

    /// The interfaces that it imports.
    pub fn imports(&self) -> &[String] {
        &self.0.imports
    }

    /// Size of the component, bytes.
    pub fn size_bytes(&self) -> usize {
        self.0.size_bytes
    }

    /// What it took to have it compiled.
    pub fn compile_cost(&self) -> CompileCost {
        self.0.compile_cost
    }

    /// Measures now what a fresh instance takes, a store of its own included: the median of some; none where the
    /// component can't be instantiated.
    pub fn measure_instance(&self) -> Option<Duration> {
        measure_instance(&self.0.pre, &self.0.guest)
    }
}

impl fmt::Debug for LoadedComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedComponent").field("name", &self.name()).field("digest", &self.digest()).finish()
    }
}

/// What of the host a component is loaded with.
pub(crate) struct Loader<'a> {
    pub(crate) engine: Engine,
    pub(crate) slots: Slots,
    pub(crate) ticks: Arc<Ticks>,
    pub(crate) cache: &'a CodeCache,
    pub(crate) roots: &'a TlsRoots,
}

impl Loader<'_> {
    pub(crate) fn load(self, source: ComponentSource) -> Result<LoadedComponent, LoadError> {
        let name = source.name.clone();
        self.try_load(source).map_err(|reason| reason.of(name))
    }

    fn try_load(self, source: ComponentSource) -> Result<LoadedComponent, LoadErrorReason> {
        contract::check_bytes(&source.bytes)?;
        check_limits(&self.engine, &source.limits)?;
        let grants = GrantedOrigins::new(&source.grants.http)?;
        if grants.any_https() {
            self.roots.read();
        }
        let digest = hexadecimal(&Sha256::digest(&source.bytes));
        let compiled = self.cache.component(&self.engine, &digest, &source.bytes);
        let compiled = compiled.map_err(|error| LoadErrorReason::Malformed(first_line(&error)))?;
        let component = compiled.component;
        let imports = contract::check_names(&self.engine, &component)?;

        let linker = linker(&self.engine).map_err(|error| LoadErrorReason::Engine(first_line(&error)))?;
        let linked = linker.instantiate_pre(&component);
        let linked = linked.map_err(|error| LoadErrorReason::MissingImport(all_causes(&error)))?;
        let pre = ComponentPre::new(linked).map_err(|error| LoadErrorReason::MissingExport(all_causes(&error)))?;
        let invoke = contract::invoke_of(&component)?;

        let secrets = source.grants.http.iter().flat_map(|grant| &grant.secret_headers);
        let guest = Arc::new(GuestSettings {
            name: source.name.into(),
            config: source.config,
            redactor: Redactor::new(secrets.map(|(_, secret)| secret.clone())),
            grants,
            limits: source.limits,
            ticks: self.ticks,
        });
        let description = describe(&pre, &guest).map_err(LoadErrorReason::DescribeFailed)?;
        let description = Description::parse(&description).map_err(LoadErrorReason::BadDescription)?;
        Ok(LoadedComponent(Arc::new(Loaded {
            digest: digest.into(),
            size_bytes: source.bytes.len(),
            compile_cost: compiled.cost,
            imports,
            description,
            guest,
            pre,
            invoke,
            slots: self.slots,
            idle: Mutex::default(),
        })))
    }
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<HostState>> {
    let mut linker = Linker::new(engine);
    wasi::add_to_linker(&mut linker)?;
    interfaces::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// Whether there can be an engine with such stacks.
pub(crate) fn check_stack(bytes: usize) -> Result<(), LoadErrorReason> {
    at_most("limits.stack_bytes_max", bytes as u64, engine::STACK_BYTES_MAX as u64)
}

fn check_limits(engine: &Engine, limits: &InvocationLimits) -> Result<(), LoadErrorReason> {
    at_most("limits.memory_bytes_max", limits.memory_bytes_max as u64, engine::memory_bytes_max(engine))?;
    at_most("limits.table_entries_max", limits.table_entries_max as u64, engine::TABLE_ENTRIES_MAX as u64)
}

fn at_most(limit: &'static str, value: u64, max: u64) -> Result<(), LoadErrorReason> {
    if value > max { Err(LoadErrorReason::LimitTooHigh { limit, value, max }) } else { Ok(()) }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn first_line(error: &wasmtime::Error) -> String {
    all_causes(error).lines().next().unwrap_or_default().to_owned()
}

fn all_causes(error: &wasmtime::Error) -> String {
    format!("{error:#}")
}
