//! Everything that can happen next in a cluster, with its weight, and the times at which more can.

use super::broker::Marker;
use super::host::{Condition, Doing, Host, Stage, Tenure};
use super::mistake::ClusterMistake;
use super::run::Cluster;
use crate::guest::Wait;
use weir_core::ownership::TakeoverStep;

/// So many transactions a history aborts of its own accord.
const ABORTS_MAX: u32 = 6;

/// One thing that can happen next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    StrayArrives(usize),
    EndArrives(usize),
    Mark(Marker),
    TimeOut,
    Expire(u32),
    Clean(usize),
    CleanChangelog(usize),
    Start(usize),
    GoOn(usize),
    Reconnect(usize),
    PollGroup(usize),
    Handle(usize),
    Checkpoint(usize),
    Transaction(usize),
    Abort(usize),
    Answer(usize),
    Unknown(usize),
    GiveUp(usize, usize),
    Leave(usize),
    Of(usize, usize, OfTenure),
}

/// One thing that can happen next for one partition of a host.
#[derive(Clone, Copy, Debug)]
pub(super) enum OfTenure {
    Takeover,
    Arrive,
    Send,
    Acknowledge,
    Deliver,
    Guest(usize),
    Answer(usize),
    Effect(usize),
    Load(usize),
    Prune,
    Retry(usize),
    WaitOver(usize),
    Repair,
}

type Choices = Vec<(u32, Step)>;

impl Cluster {
    /// Everything that can happen now, and must before all is at rest.
    pub(super) fn choices(&self, choices: &mut Choices) {
        let network = self.scenario.network;
        let now_ms = self.now_ms();
        let strays = self.strays.iter().enumerate().filter(|(_, stray)| stray.from_ms <= now_ms);
        choices.extend(strays.map(|(at, _)| (network.min(2), Step::StrayArrives(at))));
        choices.extend((0..self.ends.len()).map(|at| (2 * network, Step::EndArrives(at))));
        choices.extend(self.broker.markers().into_iter().map(|marker| (2 * network, Step::Mark(marker))));
        if self.broker.next_timeout_ms().is_some_and(|at_ms| at_ms <= now_ms) {
            choices.push((5, Step::TimeOut));
        }
        for member in &self.broker.group.members {
            if self
                .unreachable_since(member.host, member.life)
                .is_some_and(|at| at + self.scenario.session_ms <= now_ms)
            {
                choices.push((5, Step::Expire(member.id)));
            }
        }
        self.hosts.iter().for_each(|host| self.host_choices(host, now_ms, choices));
    }

    /// What may happen besides, if anything does.
    pub(super) fn idle_choices(&mut self, choices: &mut Choices) {
        for host in 0..self.hosts.len() {
            let news =
                self.hosts[host].acting().any(|(_, tenure)| tenure.process.as_ref().is_some_and(|of| of.has_news()));
            if news && self.may_take_checkpoint(host) {
                choices.push((self.scenario.base.checkpoints, Step::Checkpoint(host)));
            }
            let open = self.hosts[host].transaction.as_ref().map(|transaction| transaction.stage);
            let may_abort = matches!(open, Some(Stage::Taken | Stage::Written(_) | Stage::OffsetsSent(_)));
            if self.scenario.base.aborts > 0
                && self.aborts < ABORTS_MAX
                && may_abort
                && self.hosts[host].is_connected(self.now_ms())
            {
                choices.push((self.scenario.base.aborts / 5, Step::Abort(host)));
            }
        }
        if self.scenario.cleaner == 0 {
            return;
        }
        for partition in 0..self.scenario.partitions {
            if self.broker.states[partition].is_dirty() {
                choices.push((self.scenario.cleaner, Step::Clean(partition)));
            }
            if self.broker.changelogs[partition].is_dirty() {
                choices.push((self.scenario.cleaner, Step::CleanChangelog(partition)));
            }
        }
    }

    fn host_choices(&self, host: &Host, now_ms: u64, choices: &mut Choices) {
        let index = host.index;
        match host.condition {
            Condition::Down(until_ms) if until_ms <= now_ms => choices.push((5, Step::Start(index))),
            Condition::Paused(until_ms) if until_ms <= now_ms => choices.push((5, Step::GoOn(index))),
            _ => {}
        }
        for (partition, tenure) in host.tenures.iter().enumerate() {
            let Some(tenure) = tenure else { continue };
            // What was sent arrives, even if the host stands still meanwhile.
            if !tenure.wire.is_empty() && host.cut_off_until_ms <= now_ms {
                choices.push((2 * self.scenario.network, Step::Of(index, partition, OfTenure::Arrive)));
            }
        }
        if !host.runs() {
            return;
        }
        let connected = host.is_connected(now_ms);
        if connected {
            self.broker_choices(host, choices);
        }
        if self.may_handle_event(index) {
            choices.push((self.scenario.attention, Step::Handle(index)));
        }
        for (partition, tenure) in host.tenures.iter().enumerate() {
            if let Some(tenure) = tenure {
                self.tenure_choices(host, partition, tenure, connected, choices);
            }
        }
    }

    /// What a host does with the brokers.
    fn broker_choices(&self, host: &Host, choices: &mut Choices) {
        let index = host.index;
        if host.unreachable_since_ms.is_some() {
            choices.push((5, Step::Reconnect(index)));
        }
        if self.has_group_news(index) {
            choices.push((5, Step::PollGroup(index)));
        }
        match host.transaction.as_ref().map(|transaction| transaction.stage) {
            Some(Stage::Taken) if !self.doors_are_open(index) => {}
            Some(Stage::Written(_))
                if self.mistake == Some(ClusterMistake::RefreshedMetadata) && host.client.metadata.is_none() => {}
            Some(Stage::Taken | Stage::Written(_) | Stage::OffsetsSent(_)) => {
                choices.push((6, Step::Transaction(index)))
            }
            Some(Stage::Ending(_)) if !self.ends.iter().any(|end| (end.host, end.life) == (index, host.life)) => {
                choices.push((1, Step::Unknown(index)));
            }
            Some(Stage::Ending(_)) => {}
            Some(Stage::Answered(_)) => choices.push((2 * self.scenario.network, Step::Answer(index))),
            None => self.checkpoint_choices(host, choices),
        }
    }

    /// Checkpoints that something waits for.
    fn checkpoint_choices(&self, host: &Host, choices: &mut Choices) {
        let index = host.index;
        let own_ms = self.now_ms() + self.scenario.ahead_ms[index];
        let acts = host.acting().next().is_some();
        if host.stopping && (!acts || host.refused || host.metadata.is_none()) {
            return choices.push((2, Step::Leave(index)));
        }
        if host.refused {
            let revoked = host.acting().filter(|(_, tenure)| tenure.revoked);
            choices.extend(revoked.map(|(partition, _)| (2, Step::GiveUp(index, partition))));
        }
        let at_door = |tenure: &Tenure| {
            let guests = tenure.process.as_ref().map(|process| &process.guests);
            guests.is_some_and(|guests| guests.iter().any(|guest| matches!(guest.wait, Wait::Door(_))))
        };
        let wanted = host.stopping
            || host.acting().any(|(_, tenure)| tenure.revoked || at_door(tenure) && tenure.lease.wants_renewal(own_ms));
        if wanted && self.may_take_checkpoint(index) {
            choices.push((6, Step::Checkpoint(index)));
        }
    }

    fn tenure_choices(&self, host: &Host, partition: usize, tenure: &Tenure, connected: bool, choices: &mut Choices) {
        let index = host.index;
        let mut push = |weight, step| choices.push((weight, Step::Of(index, partition, step)));
        if self.may_take_over(index, partition, connected) {
            push(6, OfTenure::Takeover);
        }
        let Some(process) = tenure.process.as_ref().filter(|_| matches!(tenure.doing, Doing::Acting)) else { return };
        if !process.outbox.is_empty() && connected {
            push(20, OfTenure::Send);
        }
        if process.acknowledged < process.durable && connected {
            push(2 * self.scenario.network, OfTenure::Acknowledge);
        }
        (0..process.loads.len()).for_each(|at| push(10, OfTenure::Load(at)));
        if process.operator.prunable() > 0 {
            push(4, OfTenure::Prune);
        }
        if process.stopping || host.stopping {
            return;
        }
        if process.source_next < self.inputs[partition].len() && connected {
            push(8, OfTenure::Deliver);
        }
        let own_ms = self.now_ms() + self.scenario.ahead_ms[index];
        for (at, guest) in process.guests.iter().enumerate() {
            match guest.wait {
                Wait::Nothing => push(15, OfTenure::Guest(at)),
                Wait::Answers => push(8, OfTenure::Answer(at)),
                Wait::Until(at_ms) if at_ms <= own_ms => push(15, OfTenure::WaitOver(at)),
                Wait::Until(_) => {}
                Wait::Door(ticket) => {
                    if process.is_acknowledged(ticket) && self.lease_is_held(index, partition) {
                        push(15, OfTenure::Effect(at));
                    }
                }
            }
        }
        if process.repair_wanted {
            push(2, OfTenure::Repair);
        }
        let due = process.timers.iter().enumerate().filter(|(_, (at_ms, _))| *at_ms <= own_ms);
        due.for_each(|(at, _)| push(10, OfTenure::Retry(at)));
    }

    /// The next time at which something more can happen.
    pub(super) fn next_time_ms(&self) -> Option<u64> {
        let now_ms = self.now_ms();
        let mut times: Vec<u64> = self.broker.next_timeout_ms().into_iter().collect();
        times.extend(self.strays.iter().map(|stray| stray.from_ms));
        for member in &self.broker.group.members {
            times.extend(self.unreachable_since(member.host, member.life).map(|at| at + self.scenario.session_ms));
        }
        for host in &self.hosts {
            match host.condition {
                Condition::Down(until_ms) | Condition::Paused(until_ms) => {
                    times.push(until_ms);
                    continue;
                }
                Condition::Running => {}
            }
            if host.cut_off_until_ms > now_ms {
                times.push(host.cut_off_until_ms);
            }
            let ahead_ms = self.scenario.ahead_ms[host.index];
            for tenure in host.tenures.iter().flatten() {
                if let Doing::Step(TakeoverStep::WaitUntil(at_ms)) = tenure.doing {
                    times.push(at_ms - ahead_ms);
                }
                let Some(process) = &tenure.process else { continue };
                times.extend(process.timers.iter().map(|(at_ms, _)| at_ms - ahead_ms));
                times.extend(process.guests.iter().filter_map(|guest| match guest.wait {
                    Wait::Until(at_ms) => Some(at_ms - ahead_ms),
                    _ => None,
                }));
            }
        }
        times.into_iter().filter(|at_ms| *at_ms > now_ms).min()
    }

    pub(super) fn choose(&mut self, choices: &[(u32, Step)]) -> Step {
        let total: u32 = choices.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.rng.below(total as usize) as u32;
        for (weight, step) in choices {
            if drawn < *weight {
                return *step;
            }
            drawn -= weight;
        }
        unreachable!("the weights sum to their total")
    }

    pub(super) fn take(&mut self, step: Step) {
        if self.world.story.is_some() {
            let (steps, now_ms) = (self.steps, self.now_ms() % 1_000_000);
            self.world.tell(|| format!("{steps:4} {step:?} ({now_ms} ms)"));
        }
        match step {
            Step::StrayArrives(at) => self.stray_arrives(at),
            Step::EndArrives(at) => self.end_arrives(at),
            Step::Mark(marker) => self.broker.mark(marker),
            Step::TimeOut => self.broker.time_out(self.now_ms()),
            Step::Expire(member) => self.expire(member),
            Step::Clean(partition) => self.broker.states[partition].clean(&mut self.rng),
            Step::CleanChangelog(partition) => self.broker.changelogs[partition].clean(),
            Step::Start(host) => self.start_process(host),
            Step::GoOn(host) => self.hosts[host].condition = Condition::Running,
            Step::Reconnect(host) => self.hosts[host].unreachable_since_ms = None,
            Step::PollGroup(host) => self.poll_group(host),
            Step::Handle(host) => self.handle_event(host),
            Step::Checkpoint(host) => self.take_checkpoint(host),
            Step::Transaction(host) => self.step_transaction(host),
            Step::Abort(host) => {
                self.aborts += 1;
                self.abort_transaction(host);
            }
            Step::Answer(host) => self.transaction_answered(host),
            Step::Unknown(host) => self.end_process(host, 5),
            Step::GiveUp(host, partition) => self.give_up(host, partition),
            Step::Leave(host) => self.leave(host),
            Step::Of(host, partition, of) => self.take_of_tenure(host, partition, of),
        }
    }

    fn take_of_tenure(&mut self, host: usize, partition: usize, step: OfTenure) {
        match step {
            OfTenure::Takeover => self.step_takeover(host, partition),
            OfTenure::Arrive => self.arrive(host, partition),
            OfTenure::Send => self.send_appends(host, partition),
            OfTenure::Acknowledge => self.acknowledge(host, partition),
            OfTenure::Deliver => self.deliver(host, partition),
            OfTenure::Guest(at) => self.step_guest(host, partition, at),
            OfTenure::Answer(at) => self.answer_guest(host, partition, at),
            OfTenure::Effect(at) => self.send_of_guest(host, partition, at),
            OfTenure::Load(at) => self.load(host, partition, at),
            OfTenure::Prune => self.prune(host, partition),
            OfTenure::Retry(at) => self.retry_due(host, partition, at),
            OfTenure::WaitOver(at) => self.wait_over(host, partition, at),
            OfTenure::Repair => self.repair(host, partition),
        }
    }
}
