//! Hosts in the group: what their clients learn, and what they make of it.

use super::group::{Mask, Metadata, Told};
use super::host::{Client, Doing, Event};
use super::run::{Cluster, Stray};

impl Cluster {
    /// Whether the client of a host has something to say to the group, or to learn from it.
    pub(super) fn has_group_news(&self, host: usize) -> bool {
        let of = &self.hosts[host];
        !(of.stopping && of.client.member.is_none()) && self.broker.group.has_news_for(of.client.member)
    }

    /// The client of a host asks the group.
    pub(super) fn poll_group(&mut self, host: usize) {
        let of = &mut self.hosts[host];
        let client = &mut of.client;
        let Some(member) = client.member else {
            client.member = Some(self.broker.group.join(host, of.life));
            return;
        };
        match self.broker.group.poll(member, client.owned) {
            Told::Nothing => {}
            Told::Unknown => {
                client.events.push_back(Event::Lost(client.owned));
                (client.metadata, client.owned, client.revoking) = (None, 0, 0);
                client.member = Some(self.broker.group.join(host, of.life));
            }
            Told::Assigned(metadata, mask) => {
                client.metadata = Some(metadata);
                let revoked = client.owned & !mask & !client.revoking;
                let assigned = mask & !client.owned;
                client.owned |= assigned;
                client.revoking |= revoked;
                client.events.push_back(Event::Rebalanced { metadata, revoked, assigned });
                self.world.tell(|| format!("    host {host} in {metadata:?}: -{revoked:b} +{assigned:b}"));
            }
        }
    }

    /// Whether a host can look at what its client tells: the transaction in flight must have ended, or be one that can
    /// be aborted.
    pub(super) fn may_handle_event(&self, host: usize) -> bool {
        use super::host::Stage;
        let of = &self.hosts[host];
        let stage = of.transaction.as_ref().map(|transaction| transaction.stage);
        !of.client.events.is_empty() && !matches!(stage, Some(Stage::Ending(_) | Stage::Answered(_)))
    }

    /// A host looks at what its client tells.
    pub(super) fn handle_event(&mut self, host: usize) {
        let life = self.hosts[host].life;
        self.abort_transaction(host);
        if self.hosts[host].life != life || !self.hosts[host].runs() {
            return;
        }
        let event = self.hosts[host].client.events.pop_front().expect("an event waits");
        self.world.tell(|| format!("    {event:?}"));
        match event {
            Event::Lost(lost) => {
                self.hosts[host].metadata = None;
                self.each(lost, |cluster, partition| cluster.drop_tenure(host, partition));
            }
            Event::Rebalanced { metadata, revoked, assigned } => {
                self.take_metadata(host, metadata);
                self.each(revoked, |cluster, partition| cluster.revoke(host, partition));
                self.each(assigned, |cluster, partition| cluster.begin_takeover(host, partition));
            }
        }
        self.acknowledge_revoked(host);
    }

    fn take_metadata(&mut self, host: usize, metadata: Metadata) {
        let of = &mut self.hosts[host];
        (of.metadata, of.refused) = (Some(metadata), false);
    }

    fn each(&mut self, mask: Mask, mut act: impl FnMut(&mut Self, usize)) {
        (0..self.scenario.partitions).filter(|partition| mask & (1 << partition) != 0).for_each(|at| act(self, at));
    }

    /// A partition is to be given up: with a last checkpoint, if the host acts for it.
    fn revoke(&mut self, host: usize, partition: usize) {
        let acts =
            self.hosts[host].tenures[partition].as_ref().is_some_and(|tenure| matches!(tenure.doing, Doing::Acting));
        if !acts {
            return self.drop_tenure(host, partition);
        }
        self.with_tenure(host, partition, |tenure, _| {
            tenure.revoked = true;
            tenure.lease.give_up();
            tenure.process.as_mut().expect("it acts").stopping = true;
        });
    }

    /// A host has nothing to do with a partition any more.
    pub(super) fn give_up(&mut self, host: usize, partition: usize) {
        self.drop_tenure(host, partition);
        self.acknowledge_revoked(host);
    }

    /// When all that was to be given up is, the client says so.
    fn acknowledge_revoked(&mut self, host: usize) {
        let of = &mut self.hosts[host];
        let waits = of.tenures.iter().flatten().any(|tenure| tenure.revoked);
        let events = &of.client.events;
        let is_told = !events.iter().any(|event| matches!(event, Event::Rebalanced { revoked, .. } if *revoked != 0));
        if of.client.revoking == 0 || waits || !is_told {
            return;
        }
        of.client.owned &= !of.client.revoking;
        of.client.revoking = 0;
        self.broker.group.rebalance();
    }

    /// What a host holds of a partition is gone; what is on its way to the brokers may arrive yet.
    pub(super) fn drop_tenure(&mut self, host: usize, partition: usize) {
        let epoch_mistake = self.mistake;
        let Some(mut tenure) = self.hosts[host].tenures[partition].take() else { return };
        if let Doing::Reading { reader, .. } = tenure.doing {
            self.broker.states[partition].end_read(reader);
        }
        if let Some(process) = &mut tenure.process {
            let epoch = process.operator.store().epoch();
            let sent =
                process.outbox.drain(..).filter_map(|append| super::network::on_wire(&append, epoch, epoch_mistake));
            tenure.wire.extend(sent);
        }
        self.stray(partition, tenure.log, tenure.wire);
    }

    /// Of what is on its way, some tail is lost.
    pub(super) fn stray(
        &mut self,
        partition: usize,
        log: usize,
        mut wire: std::collections::VecDeque<super::host::OnWire>,
    ) {
        let kept = match self.rng.below(3) {
            0 => 0,
            1 => wire.len(),
            _ => self.rng.below(wire.len() + 1),
        };
        wire.truncate(kept);
        if !wire.is_empty() {
            // Most come when the next owner has already gone some way.
            let takeover_ms = self.scenario.session_ms + self.scenario.lease_ms;
            let late_ms =
                *self.rng.pick(&[0, takeover_ms + 40, takeover_ms + 120, takeover_ms + 200, takeover_ms + 280]);
            let from_ms = self.now_ms() + late_ms;
            self.strays.push(Stray { partition, log, from_ms, wire });
        }
    }

    /// A host that has given everything up leaves the group and ends.
    pub(super) fn leave(&mut self, host: usize) {
        let of = &mut self.hosts[host];
        if let Some(member) = of.client.member {
            self.broker.group.remove(member);
        }
        let down_ms = of.down_ms;
        self.end_process(host, down_ms);
    }

    /// The group gives a member up that was not reachable for too long.
    pub(super) fn expire(&mut self, member: u32) {
        self.world.tell(|| format!("    the group gives member {member} up"));
        self.broker.group.remove(member);
    }

    /// Whether a member's host, in the start that it belongs to, is reachable; else since when not.
    pub(super) fn unreachable_since(&self, host: usize, life: u32) -> Option<u64> {
        let of = &self.hosts[host];
        if of.life != life { Some(0) } else { of.unreachable_since_ms }
    }

    /// A new process begins.
    pub(super) fn start_process(&mut self, host: usize) {
        let life = self.next_life;
        self.next_life += 1;
        let of = &mut self.hosts[host];
        (of.life, of.release) = (life, self.release);
        of.condition = super::host::Condition::Running;
        of.unreachable_since_ms = None;
        of.client = Client::default();
        (of.metadata, of.refused, of.stopping) = (None, false, false);
        let name = of.transactional_id();
        of.producer = self.broker.initialise(&name);
        assert!(of.producer.is_some(), "the transactional id is new");
        self.world.life = 1 + self.faults_done as u32;
    }
}
