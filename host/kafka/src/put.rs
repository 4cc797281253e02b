//! Hands records to a producer, for topics that it knows beforehand.

#![expect(unsafe_code, reason = "rdkafka's own way looks the topic up by name and copies it, for each record")]

use rdkafka::error::{IsError, KafkaError};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka_sys as sys;
use std::ffi::{CString, c_void};
use std::ops::Deref;
use std::ptr::null_mut;
use weir_core::event::PartitionId;

/// A producer with handles of the topics that it puts records to: half of what rdkafka's `send` takes is the topic's
/// name.
pub(crate) struct TopicProducer<C: ProducerContext + 'static> {
    topics: Vec<*mut sys::rd_kafka_topic_t>,
    producer: BaseProducer<C>,
}

// SAFETY: librdkafka's handles of topics may be used from any thread, as those of clients.
unsafe impl<C: ProducerContext + Send + 'static> Send for TopicProducer<C> {}

/// A record to be put. Its bytes are copied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Put<'a> {
    /// Where it goes; without one, its key says it.
    pub(crate) partition: Option<PartitionId>,
    pub(crate) key: &'a [u8],
    /// A tombstone has none.
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [(&'a str, &'a [u8])],
    /// What its delivery names.
    pub(crate) tag: usize,
}

impl<C: ProducerContext + 'static> TopicProducer<C> {
    /// A producer of these topics.
    pub(crate) fn new(producer: BaseProducer<C>, names: &[&str]) -> Result<Self, KafkaError> {
        let mut this = Self { topics: Vec::new(), producer };
        for name in names {
            let name = CString::new(*name)?;
            // SAFETY: the client lives; the name ends with a zero and is copied; no configuration is the client's own.
            let topic =
                unsafe { sys::rd_kafka_topic_new(this.producer.client().native_ptr(), name.as_ptr(), null_mut()) };
            if topic.is_null() {
                // SAFETY: it only reads what this thread's last call left.
                let why = unsafe { sys::rd_kafka_last_error() };
                return Err(KafkaError::MessageProduction(why.into()));
            }
            this.topics.push(topic);
        }
        Ok(this)
    }

    /// Puts a record to the topic of this number.
    pub(crate) fn put(&self, topic: usize, put: &Put<'_>) -> Result<(), KafkaError> {
        let (value, value_len) = put.value.map_or((null_mut(), 0), |value| (value.as_ptr().cast_mut(), value.len()));
        let headers = headers(put.headers);
        // SAFETY: client and topic live; each kind is followed by the arguments that it asks for; all bytes are copied, as
        // the flag says.
        let error = unsafe {
            use sys::rd_kafka_vtype_t as kind;
            sys::rd_kafka_producev(
                self.producer.client().native_ptr(),
                kind::RD_KAFKA_VTYPE_RKT,
                self.topics[topic],
                kind::RD_KAFKA_VTYPE_PARTITION,
                put.partition.map_or(-1, |partition| partition.0 as i32),
                kind::RD_KAFKA_VTYPE_MSGFLAGS,
                sys::RD_KAFKA_MSG_F_COPY,
                kind::RD_KAFKA_VTYPE_VALUE,
                value.cast::<c_void>(),
                value_len,
                kind::RD_KAFKA_VTYPE_KEY,
                put.key.as_ptr().cast::<c_void>(),
                put.key.len(),
                kind::RD_KAFKA_VTYPE_OPAQUE,
                put.tag as *mut c_void,
                kind::RD_KAFKA_VTYPE_HEADERS,
                headers,
                kind::RD_KAFKA_VTYPE_END,
            )
        };
        if !error.is_error() {
            return Ok(());
        }
        if !headers.is_null() {
            // SAFETY: what was not taken is still this function's own.
            unsafe { sys::rd_kafka_headers_destroy(headers) };
        }
        Err(KafkaError::MessageProduction(error.into()))
    }
}

impl<C: ProducerContext + 'static> TopicProducer<C> {
    /// Puts records without headers to one partition of the topic of this number, in their order: half of the way of each
    /// is the same for all. Their bytes are copied. How many were taken, which come before all that were not, and why the
    /// first of the others was not.
    pub(crate) fn put_all(
        &self,
        topic: usize,
        partition: PartitionId,
        records: &[Record<'_>],
    ) -> (usize, Result<(), KafkaError>) {
        let mut messages: Vec<sys::rd_kafka_message_t> = records.iter().map(|record| record.message()).collect();
        let count = i32::try_from(messages.len()).expect("so many are not handed over at once");
        // SAFETY: the topic lives, and its client; keys and values outlive the call, which copies them, as the flag says, and
        // writes nothing but each message's error.
        unsafe {
            let (partition, flags) = (partition.0 as i32, sys::RD_KAFKA_MSG_F_COPY);
            sys::rd_kafka_produce_batch(self.topics[topic], partition, flags, messages.as_mut_ptr(), count);
        }
        let refused = messages.iter().position(|message| message.err.is_error());
        // What comes after a full queue is refused as well: there is no gap.
        let why = refused.map_or(Ok(()), |at| Err(KafkaError::MessageProduction(messages[at].err.into())));
        (refused.unwrap_or(records.len()), why)
    }
}

/// A record without headers. Its bytes are copied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) key: &'a [u8],
    /// A tombstone has none.
    pub(crate) value: Option<&'a [u8]>,
    /// What its delivery names.
    pub(crate) tag: usize,
}

impl Record<'_> {
    fn message(&self) -> sys::rd_kafka_message_t {
        let (payload, len) =
            self.value.map_or((null_mut(), 0), |value| (value.as_ptr().cast_mut().cast(), value.len()));
        sys::rd_kafka_message_t {
            err: sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
            rkt: null_mut(),
            partition: 0,
            payload,
            len,
            key: self.key.as_ptr().cast_mut().cast(),
            key_len: self.key.len(),
            offset: 0,
            _private: self.tag as *mut c_void,
        }
    }
}

/// Headers as librdkafka has them, which are its own once their record is taken; none: no list of them.
fn headers(all: &[(&str, &[u8])]) -> *mut sys::rd_kafka_headers_t {
    if all.is_empty() {
        return null_mut();
    }
    // SAFETY: the list was just made, and names and values are copied, as long as they are said to be.
    unsafe {
        let list = sys::rd_kafka_headers_new(all.len());
        for (name, value) in all {
            let (name, name_len) = (name.as_ptr().cast(), name.len() as isize);
            sys::rd_kafka_header_add(list, name, name_len, value.as_ptr().cast(), value.len() as isize);
        }
        list
    }
}

impl<C: ProducerContext + 'static> Deref for TopicProducer<C> {
    type Target = BaseProducer<C>;

    fn deref(&self) -> &BaseProducer<C> {
        &self.producer
    }
}

impl<C: ProducerContext + 'static> Drop for TopicProducer<C> {
    fn drop(&mut self) {
        for topic in self.topics.drain(..) {
            // SAFETY: each was made once, is given back once, and before its client.
            unsafe { sys::rd_kafka_topic_destroy(topic) };
        }
    }
}
