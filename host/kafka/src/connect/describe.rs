//! Topics and group as the brokers describe them, with what the user may do; rdkafka has no safe call for it.
#![allow(unsafe_code)]

use rdkafka::bindings as native;
use rdkafka::error::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::marker::PhantomData;
use std::ptr;
use std::time::Duration;

/// What a user may do with a topic or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Read records; be a member of the group.
    Read,
    /// Write records.
    Write,
    /// Read settings.
    DescribeConfigs,
}

/// A topic that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its partitions.
    pub partitions: u32,
    /// Replicas of the partition that has the fewest.
    pub replicas: u32,
    /// What this user may do with it, if the brokers say so.
    pub allowed: Option<Vec<Operation>>,
}

/// The brokers' answer about one topic.
pub type TopicAnswer = Result<Found, RDKafkaErrorCode>;
/// The brokers' answer about a group: what this user may do with it, if they say so.
pub type GroupAnswer = Result<Option<Vec<Operation>>, RDKafkaErrorCode>;

/// A question that is on its way; the answer is waited for a while at a time, so that the client can be watched.
pub(super) struct Question<'a> {
    queue: *mut native::rd_kafka_queue_t,
    client: PhantomData<&'a ()>,
}

/// An answer as a whole.
pub(super) struct Event(*mut native::rd_kafka_event_t);

impl<'a> Question<'a> {
    /// Asks about topics. `client` is a live handle, and outlives the question: the caller holds its owner as `'a`.
    pub(super) fn about_topics<T>(_: &'a T, client: *mut native::rd_kafka_t, names: &[String], wait: Duration) -> Self {
        let names: Vec<CString> = names.iter().map(|name| text(name)).collect();
        let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: the client is live, the names live until the call has copied them, what is made here is destroyed here,
        // and the queue is destroyed with the question.
        unsafe {
            let queue = native::rd_kafka_queue_new(client);
            let topics = native::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            let options = options(client, native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, wait);
            native::rd_kafka_DescribeTopics(client, topics, options, queue);
            native::rd_kafka_AdminOptions_destroy(options);
            native::rd_kafka_TopicCollection_destroy(topics);
            Self { queue, client: PhantomData }
        }
    }

    /// Asks about a group; the same holds.
    pub(super) fn about_group<T>(_: &'a T, client: *mut native::rd_kafka_t, name: &str, wait: Duration) -> Self {
        let name = text(name);
        let mut pointers = [name.as_ptr()];
        // SAFETY: as above.
        unsafe {
            let queue = native::rd_kafka_queue_new(client);
            let options = options(client, native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, wait);
            native::rd_kafka_DescribeConsumerGroups(client, pointers.as_mut_ptr(), pointers.len(), options, queue);
            native::rd_kafka_AdminOptions_destroy(options);
            Self { queue, client: PhantomData }
        }
    }

    /// The answer, if it comes within this time.
    pub(super) fn answer(&self, wait: Duration) -> Option<Event> {
        // SAFETY: the queue lives as long as the question.
        let event = unsafe { native::rd_kafka_queue_poll(self.queue, wait.as_millis() as i32) };
        (!event.is_null()).then_some(Event(event))
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        // SAFETY: it was made with the question, and nothing else holds it.
        unsafe { native::rd_kafka_queue_destroy(self.queue) }
    }
}

impl Event {
    /// Why there is no answer at all, if there is none.
    pub(super) fn error(&self) -> Option<RDKafkaErrorCode> {
        // SAFETY: the event is live.
        let code = unsafe { native::rd_kafka_event_error(self.0) };
        (code != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| code.into())
    }

    /// The topics that were asked about.
    pub(super) fn topics(&self) -> BTreeMap<String, TopicAnswer> {
        let mut found = BTreeMap::new();
        // SAFETY: the event is live and without error; what it points to lives as long, in arrays of the given lengths.
        unsafe {
            let result = native::rd_kafka_event_DescribeTopics_result(self.0);
            if result.is_null() {
                return found;
            }
            let mut count = 0;
            let topics = native::rd_kafka_DescribeTopics_result_topics(result, &mut count);
            for index in 0..count {
                let topic = *topics.add(index);
                let name = native::rd_kafka_TopicDescription_name(topic);
                let name = CStr::from_ptr(name).to_string_lossy().into_owned();
                found.insert(name, topic_answer(topic));
            }
        }
        found
    }

    /// The group that was asked about.
    pub(super) fn group(&self) -> Option<GroupAnswer> {
        // SAFETY: as above.
        unsafe {
            let result = native::rd_kafka_event_DescribeConsumerGroups_result(self.0);
            if result.is_null() {
                return None;
            }
            let mut count = 0;
            let groups = native::rd_kafka_DescribeConsumerGroups_result_groups(result, &mut count);
            if count == 0 {
                return None;
            }
            let group = *groups;
            if let Some(code) = error_code(native::rd_kafka_ConsumerGroupDescription_error(group)) {
                return Some(Err(code));
            }
            let mut count = 0;
            let allowed = native::rd_kafka_ConsumerGroupDescription_authorized_operations(group, &mut count);
            Some(Ok(operations(allowed.cast(), count)))
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: it was taken from its queue once.
        unsafe { native::rd_kafka_event_destroy(self.0) }
    }
}

/// Text for C; what holds a NUL was refused by the settings, as no topic's name has one.
fn text(name: &str) -> CString {
    CString::new(name).expect("names of topics and groups hold no NUL")
}

unsafe fn options(
    client: *mut native::rd_kafka_t,
    operation: native::rd_kafka_admin_op_t,
    wait: Duration,
) -> *mut native::rd_kafka_AdminOptions_t {
    // SAFETY: the caller's client is live; an error that setting an option gives is destroyed; no text of one is asked for.
    unsafe {
        let options = native::rd_kafka_AdminOptions_new(client, operation);
        let wait_ms = wait.as_millis().clamp(1, 3_600_000) as i32;
        native::rd_kafka_AdminOptions_set_request_timeout(options, wait_ms, ptr::null_mut(), 0);
        let error = native::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
        if !error.is_null() {
            native::rd_kafka_error_destroy(error);
        }
        options
    }
}

unsafe fn topic_answer(topic: *const native::rd_kafka_TopicDescription_t) -> TopicAnswer {
    // SAFETY: the caller's topic is live, and so is what it points to, in arrays of the given lengths.
    unsafe {
        if let Some(code) = error_code(native::rd_kafka_TopicDescription_error(topic)) {
            return Err(code);
        }
        let mut partitions = 0;
        let infos = native::rd_kafka_TopicDescription_partitions(topic, &mut partitions);
        let replicas = (0..partitions).map(|index| {
            let mut replicas = 0;
            native::rd_kafka_TopicPartitionInfo_replicas(*infos.add(index), &mut replicas);
            replicas as u32
        });
        let replicas = replicas.min().unwrap_or_default();
        let mut count = 0;
        let allowed = native::rd_kafka_TopicDescription_authorized_operations(topic, &mut count);
        Ok(Found { partitions: partitions as u32, replicas, allowed: operations(allowed.cast(), count) })
    }
}

unsafe fn error_code(error: *const native::rd_kafka_error_t) -> Option<RDKafkaErrorCode> {
    if error.is_null() {
        return None;
    }
    // SAFETY: the caller's error is live.
    let code = unsafe { native::rd_kafka_error_code(error) };
    (code != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| code.into())
}

/// Operations as numbers, for brokers know more of them than the bindings' enum.
unsafe fn operations(numbers: *const u32, count: usize) -> Option<Vec<Operation>> {
    use native::rd_kafka_AclOperation_t as Acl;
    let known = [
        (Acl::RD_KAFKA_ACL_OPERATION_READ as u32, Operation::Read),
        (Acl::RD_KAFKA_ACL_OPERATION_WRITE as u32, Operation::Write),
        (Acl::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS as u32, Operation::DescribeConfigs),
    ];
    if numbers.is_null() {
        return None;
    }
    // SAFETY: the caller's array is live and has this length.
    let allowed = (0..count).map(|index| unsafe { *numbers.add(index) });
    let allowed = allowed.filter_map(|number| known.iter().find(|(known, _)| *known == number));
    Some(allowed.map(|(_, operation)| *operation).collect())
}
