//! What the driver of a real host does, one step each: facts go into the core, what it wants comes out.

use crate::guest::{Progress, Wait};
use crate::keyed::Batch;
use crate::machine::{Host, Line, Machine, input_of};
use crate::mistake::Mistake;
use crate::process::{Checkpointing, Process, Stage, Syncing, completes_early};
use crate::repairs::look_for_repairs;
use crate::scenario::CrashKind;
use crate::tamper;
use std::sync::Arc;
use weir_core::event::PartitionId;
use weir_core::limits::OperatorLimits;
use weir_core::operator::{Operator, OperatorStart};
use weir_core::store::Rebuild;
use weir_core::store::log::{Acknowledged, AppendKind, Ticket};

/// The only partition.
pub(crate) const PARTITION: PartitionId = PartitionId(7);

impl Machine {
    /// Does something with the running process, then takes what the core wants.
    pub(crate) fn with_process(&mut self, act: impl FnOnce(&mut Process, &mut Self)) {
        let Host::Up(mut process) = std::mem::replace(&mut self.host, Host::Down) else { return };
        act(&mut process, self);
        let releases = &self.scenario.releases;
        let deploy = self.scenario.deploy;
        process.pump(&mut self.world, releases, self.log.writes(), deploy);
        if process.stopping && !process.guests.is_empty() {
            process.interrupt_guests(&mut self.world, deploy);
            process.pump(&mut self.world, releases, self.log.writes(), deploy);
        }
        look_for_repairs(&mut process, &self.world, self.scenario.seed);
        self.host = Host::Up(process);
    }

    /// Recovery, first part: restore and rebuild. Nothing is written.
    pub(crate) fn rebuild(&mut self) {
        self.world.life += 1;
        let mut rebuild = Rebuild::new(PARTITION, self.log.end(), 1 << 20);
        let mistake = self.world.mistake;
        let plan = &self.scenario.releases[self.release].plan;
        for (position, key, value) in self.log.scan(self.keyed.marker()) {
            let changed = tamper::read(key, value, plan, mistake);
            let completed_below = |key: &_| {
                let mut line = self.keyed.completed_below(key);
                if mistake == Some(Mistake::CompletedLineOffByOne) {
                    line.0 += 1;
                }
                line
            };
            let value = changed.as_deref().unwrap_or(value);
            rebuild.on_record(position, key, value, completed_below).expect("records were written by the core");
        }
        self.host = Host::Rebuilt(Box::new(rebuild.finish()));
    }

    /// Recovery, second part: what was read is made durable, busy keys go on, the source is sought.
    pub(crate) fn start(&mut self) {
        let Host::Rebuilt(store) = std::mem::replace(&mut self.host, Host::Down) else { return };
        if self.world.mistake != Some(Mistake::RebuildTakenAsDurable) {
            self.log.on_synced(self.log.writes());
            self.inbox_durable = self.lines_in_inbox();
            self.keyed.on_synced();
        }
        let limits = OperatorLimits {
            tasks_per_run_max: self.scenario.tasks_per_run_max,
            quarantined_events_max: self.scenario.quarantined_events_max,
            marker_lag_max: self.scenario.marker_lag_max,
            idle_keys_max: self.scenario.idle_keys_max,
            ..OperatorLimits::default()
        };
        let plan = self.scenario.releases[self.release].plan.clone();
        let start = OperatorStart { plan, limits: Arc::new(limits), store: *store, partition: PARTITION };
        let mut process = Process::new(Operator::new(start), self.keyed.source_offset, self.release);
        if self.world.mistake == Some(Mistake::NoTombstonesOnRebuild) {
            process.leave_out_appends();
        }
        for key in self.keyed.busy_keys() {
            let entries = self.keyed.load(&key);
            let loaded = process.operator.on_key_loaded(&key, entries, self.world.now_ms);
            if let Err(error) = loaded {
                self.world.ledger.violate(|| error.to_string());
            }
        }
        self.host = Host::Up(Box::new(process));
        self.with_process(|_, _| ());
    }

    pub(crate) fn deliver(&mut self) {
        self.with_process(|process, machine| {
            let line = machine.lines[process.source_next];
            process.source_next += 1;
            machine.hand_in(process, line);
        });
    }

    fn hand_in(&mut self, process: &mut Process, line: Line) {
        let input = input_of(line, &self.scenario);
        self.world.tell(|| format!("    input {} of {:?}", input.event.id, input.key));
        process.operator.on_input_event(input, self.world.now_ms);
    }

    /// stdin gives a line: into the inbox, and run when it is durable there.
    pub(crate) fn read_stdin(&mut self) {
        let number = self.stdin_read;
        self.stdin_read += 1;
        let line = Line { key: self.scenario.events[number], number: number as u32, position: self.lines.len() as u64 };
        if self.world.mistake != Some(Mistake::StdinWithoutInbox) {
            self.lines.push(line);
            return;
        }
        self.with_process(|process, machine| {
            process.lines_read += 1;
            if process.lines_read > process.source_next {
                let line = Line { position: process.source_next as u64, ..line };
                process.source_next += 1;
                machine.accepted.push(line);
                machine.hand_in(process, line);
            }
        });
    }

    pub(crate) fn step_guest(&mut self, at: usize) {
        let deploy = self.scenario.deploy;
        self.with_process(|process, machine| {
            let progress = process.guests[at].step(&mut machine.world);
            let at_door = matches!(progress, Progress::AtDoor);
            let waits = at_door || process.guests[at].wait != Wait::Nothing;
            process.put_calls(at, waits, &mut machine.world, deploy);
            if at_door {
                let guest = &mut process.guests[at];
                guest.wait = Wait::Door(process.operator.undurable(&guest.key));
            }
            if let Progress::Ended(end) = progress {
                process.end_guest(at, end, &mut machine.world, deploy);
            }
        });
    }

    pub(crate) fn answer_guest(&mut self, at: usize) {
        let deploy = self.scenario.deploy;
        self.with_process(|process, machine| {
            let progress = process.guests[at].on_answer(&mut machine.world);
            process.put_calls(at, false, &mut machine.world, deploy);
            if let Progress::Ended(end) = progress {
                process.end_guest(at, end, &mut machine.world, deploy);
            }
        });
    }

    pub(crate) fn send_of_guest(&mut self, at: usize) {
        self.with_process(|process, machine| process.guests[at].send(&mut machine.world));
    }

    /// Some appends are written; the others are in the process's memory still.
    pub(crate) fn write_appends(&mut self) {
        self.with_process(|process, machine| {
            let count = 1 + machine.rng.below(process.outbox.len().min(4));
            for append in process.outbox.drain(..count) {
                let is_record = matches!(append.what, AppendKind::Record(_));
                process.written.push((machine.log.append(append), is_record));
            }
        });
    }

    pub(crate) fn begin_sync(&mut self) {
        self.with_process(|process, machine| {
            let (writes, tickets, inbox) = (machine.log.writes(), process.written.len(), machine.lines_in_inbox());
            process.sync = Some(Syncing { writes, tickets, inbox });
        });
    }

    pub(crate) fn end_sync(&mut self) {
        self.syncs += 1;
        if self.scenario.sync_fails_at == Some(self.syncs - 1) {
            self.world.tell(|| "    the sync fails".to_owned());
            if self.world.mistake != Some(Mistake::PoisonedGoesOn) {
                self.log.lose_tail();
                if self.scenario.stdin {
                    self.lines.truncate(self.inbox_durable);
                }
                return self.crash(CrashKind::Kill);
            }
            self.log.lose_tail_unseen();
        }
        self.with_process(|process, machine| {
            let Some(sync) = process.sync.take() else { return };
            machine.log.on_synced(sync.writes);
            machine.inbox_durable = machine.inbox_durable.max(sync.inbox);
            process.durable = sync.tickets;
        });
    }

    pub(crate) fn acknowledge(&mut self) {
        self.with_process(|process, machine| {
            let count = 1 + machine.rng.below(process.durable - process.acknowledged);
            process.acknowledge(count);
        });
    }

    pub(crate) fn take_checkpoint(&mut self) {
        self.with_process(|process, machine| {
            let taken = process.operator.begin_checkpoint();
            let marker = match machine.world.mistake {
                Some(Mistake::MarkerAtEnd) => machine.log.end(),
                Some(Mistake::MarkerByLatestPut) => machine.log.least_latest_put(),
                _ => taken.marker,
            };
            let mut entries = taken.entries;
            if machine.world.mistake == Some(Mistake::PendingNotInCheckpoint) {
                entries.retain(|entry| entry.space != weir_core::checkpoint::EntrySpace::Pending);
            }
            for entry in &entries {
                machine.world.digest.bytes(&entry.key);
                machine.world.digest.bytes(entry.value.as_deref().unwrap_or_default());
            }
            machine
                .world
                .tell(|| format!("    checkpoint {}: marker {marker:?}, waits for {:?}", taken.id, taken.waits_for));
            process.source_checkpointed = process.source_next;
            let batch = Batch {
                marker: marker.0,
                source_offset: process.source_next,
                entries,
                outputs: std::mem::take(&mut process.outputs),
                dead_letters: std::mem::take(&mut process.dead_letters),
            };
            let (id, waits_for) = (taken.id, taken.waits_for);
            process.checkpoint = Some(Checkpointing { id, waits_for, batch, stage: Stage::Taken });
            if completes_early(machine.world.mistake) {
                process.operator.on_checkpoint_completed(id);
            }
        });
    }

    pub(crate) fn abort_checkpoint(&mut self) {
        if self.rng.percent(100 - self.scenario.aborts as usize) {
            return;
        }
        self.with_process(|process, machine| {
            let Some(checkpoint) = process.checkpoint.take() else { return };
            let Batch { mut outputs, mut dead_letters, .. } = checkpoint.batch;
            outputs.append(&mut process.outputs);
            dead_letters.append(&mut process.dead_letters);
            (process.outputs, process.dead_letters) = (outputs, dead_letters);
            process.source_checkpointed = usize::MAX;
            if !completes_early(machine.world.mistake) {
                process.operator.on_checkpoint_aborted(checkpoint.id);
            }
        });
    }

    pub(crate) fn write_checkpoint(&mut self) {
        self.with_process(|process, machine| {
            let Some(checkpoint) = &mut process.checkpoint else { return };
            machine.keyed.write(std::mem::take(&mut checkpoint.batch));
            checkpoint.stage = Stage::Written;
        });
    }

    pub(crate) fn sync_checkpoint(&mut self) {
        self.with_process(|process, machine| {
            let Some(checkpoint) = &mut process.checkpoint else { return };
            machine.keyed.on_synced();
            checkpoint.stage = Stage::Durable;
        });
    }

    pub(crate) fn end_checkpoint(&mut self) {
        self.with_process(|process, machine| {
            let Some(checkpoint) = process.checkpoint.take() else { return };
            if !completes_early(machine.world.mistake) {
                process.operator.on_checkpoint_completed(checkpoint.id);
            }
        });
    }

    pub(crate) fn load(&mut self, at: usize) {
        self.with_process(|process, machine| {
            let key = process.loads.swap_remove(at);
            let entries = match machine.world.mistake {
                Some(Mistake::EvictChanged) => machine.keyed.load_before(&key),
                _ => machine.keyed.load(&key),
            };
            if let Err(error) = process.operator.on_key_loaded(&key, entries, machine.world.now_ms) {
                machine.world.ledger.violate(|| error.to_string());
            }
        });
    }

    pub(crate) fn retry_due(&mut self) {
        self.with_process(|process, machine| {
            let first = (0..process.timers.len()).min_by_key(|&at| process.timers[at].0).expect("a timer is set");
            let (at_ms, key) = process.timers.remove(first);
            machine.world.pass(at_ms);
            process.operator.on_retry_due(&key, machine.world.now_ms);
        });
    }

    pub(crate) fn wait_over(&mut self, at: usize) {
        self.with_process(|process, machine| {
            if let Wait::Until(at_ms) = process.guests[at].wait {
                machine.world.pass(at_ms);
                process.guests[at].wait = Wait::Nothing;
            }
        });
    }

    /// Everything is written and acknowledged: a last checkpoint, then the end of this life [S6].
    pub(crate) fn stopped(&mut self) {
        let Host::Up(process) = &mut self.host else { return };
        if process.checkpoint.is_none() && !process.last_checkpoint_done {
            process.last_checkpoint_done = true;
            return self.take_checkpoint();
        }
        self.crash(CrashKind::Kill);
    }

    /// All is at rest: the last checkpoints, until the log holds nothing that is not needed.
    pub(crate) fn settle(&mut self) {
        self.world.tell(|| "---- at rest".to_owned());
        for _ in 0..3 {
            self.quieten();
            self.take_checkpoint();
            self.quieten();
            self.write_checkpoint();
            self.sync_checkpoint();
            self.end_checkpoint();
        }
        self.quieten();
    }

    /// Writes, syncs and acknowledges all, and ends the checkpoint in flight.
    fn quieten(&mut self) {
        self.with_process(|process, machine| {
            for append in process.outbox.drain(..) {
                let is_record = matches!(append.what, AppendKind::Record(_));
                process.written.push((machine.log.append(append), is_record));
            }
            machine.log.on_synced(machine.log.writes());
            process.sync = None;
            process.durable = process.written.len();
            process.acknowledge(process.durable - process.acknowledged);
        });
    }
}

impl Process {
    /// So many more appends are acknowledged.
    pub(crate) fn acknowledge(&mut self, count: usize) {
        for _ in 0..count {
            let (position, _) = self.written[self.acknowledged];
            let ticket = Ticket(self.acknowledged as u64);
            self.acknowledged += 1;
            let partition = self.operator.partition();
            self.operator.on_acknowledged(Acknowledged { partition, ticket, position });
        }
    }

    /// Whether a checkpoint would hold something new.
    pub(crate) fn has_news(&self) -> bool {
        self.operator.has_changes()
            || self.source_next != self.source_checkpointed
            || !self.outputs.is_empty()
            || !self.dead_letters.is_empty()
    }

    /// What the core wants written is left out, though it counts as written.
    pub(crate) fn leave_out_appends(&mut self) {
        for mut append in self.operator.take_appends() {
            append.what = tamper::nothing();
            self.outbox.push_back(append);
            self.issued += 1;
        }
    }
}
