//! The simulated coordinator of the consumer group: members, generations, which partition belongs to whom, offsets.
//!
//! The protocol is the cooperative one: a member keeps what it owns through a rebalance; what is to move is first given
//! up by its owner, and assigned in the generation after that.

/// A set of partitions, as bits.
pub type Mask = u8;

/// That a host is a member, in a generation: what offsets are committed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The member.
    pub member: u32,
    /// The generation.
    pub generation: u32,
}

/// One member, as the coordinator knows it.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name; never given again.
    pub id: u32,
    /// The host behind it.
    pub host: usize,
    /// The start of that host which it belongs to.
    pub life: u32,
    /// What it says that it owns.
    owned: Mask,
    /// Whether it has joined the rebalance under way.
    joined: bool,
    /// What it is to be told.
    assignment: Option<Mask>,
}

/// What a member is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing new.
    Nothing,
    /// That it is no member.
    Unknown,
    /// Its partitions in a generation.
    Assigned(Metadata, Mask),
}

/// The group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its members.
    pub members: Vec<Member>,
    /// The generation.
    generation: u32,
    /// Whether members are joining for the next one.
    joining: bool,
    /// How members and partitions are put together.
    shift: usize,
    partitions: usize,
    next_member: u32,
}

impl Group {
    /// A group without members.
    pub fn new(partitions: usize) -> Self {
        Self { members: Vec::new(), generation: 0, joining: false, shift: 0, partitions, next_member: 1 }
    }

    /// A new member joins.
    pub fn join(&mut self, host: usize, life: u32) -> u32 {
        let id = self.next_member;
        self.next_member += 1;
        self.members.push(Member { id, host, life, owned: 0, joined: false, assignment: None });
        self.rebalance();
        id
    }

    /// A member is gone.
    pub fn remove(&mut self, id: u32) {
        self.members.retain(|member| member.id != id);
        self.rebalance();
    }

    /// Partitions are dealt out anew, so that some move.
    pub fn move_partitions(&mut self) {
        self.shift += 1;
        self.rebalance();
    }

    /// Members are to join for a new generation.
    pub fn rebalance(&mut self) {
        self.joining = true;
        self.members.iter_mut().for_each(|member| member.joined = false);
    }

    /// Whether a member would be told something, or is waited for.
    pub fn has_news_for(&self, id: Option<u32>) -> bool {
        match self.members.iter().find(|member| Some(member.id) == id) {
            None => true,
            Some(member) => member.assignment.is_some() || self.joining && !member.joined,
        }
    }

    /// A member asks, and says what it owns.
    pub fn poll(&mut self, id: u32, owned: Mask) -> Told {
        let Some(member) = self.members.iter_mut().find(|member| member.id == id) else { return Told::Unknown };
        if let Some(assignment) = member.assignment.take() {
            return Told::Assigned(Metadata { member: id, generation: self.generation }, assignment);
        }
        if self.joining && !member.joined {
            (member.joined, member.owned) = (true, owned);
            if self.members.iter().all(|member| member.joined) {
                self.complete();
            }
        }
        Told::Nothing
    }

    /// All have joined: the next generation begins.
    fn complete(&mut self) {
        self.joining = false;
        self.generation += 1;
        let count = self.members.len();
        let mut assignments = vec![0; count];
        for partition in 0..self.partitions {
            let bit = 1 << partition;
            let target = (partition + self.shift) % count;
            let owner = self.members.iter().position(|member| member.owned & bit != 0);
            if owner.is_none_or(|owner| owner == target) {
                assignments[target] |= bit;
            }
        }
        for (member, assignment) in self.members.iter_mut().zip(assignments) {
            member.assignment = Some(assignment);
        }
    }

    /// Whether offsets may be committed with this.
    pub fn accepts(&self, metadata: Metadata) -> bool {
        metadata.generation == self.generation && self.members.iter().any(|member| member.id == metadata.member)
    }
}
