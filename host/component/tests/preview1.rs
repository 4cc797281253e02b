//! The module that answers WASI preview1 inside a component, alone: `weir build` puts it there.

use wasmtime::{Caller, Engine, Instance, Linker, Memory, MemoryType, Module, Store};

const ADAPTER: &str = include_str!("../../src/build/preview1.wat");
/// The guest's memory: a page.
const MEMORY_BYTES: i32 = 0x10000;
/// Where things stand in it.
const LINE: i32 = 1000;
const ANSWER: i32 = 2000;
const PIECES: i32 = 2100;
const TEXT: i32 = 3000;
const EVENTS: i32 = 5000;

const INFO: i32 = 2;
const WARN: i32 = 3;
const STDOUT: i32 = 1;
const STDERR: i32 = 2;

/// A guest's memory, and the adapter on it.
struct Guest {
    store: Store<Vec<(i32, String)>>,
    memory: Memory,
    adapter: Instance,
}

impl Guest {
    fn new() -> Self {
        let engine = Engine::default();
        let mut store = Store::new(&engine, Vec::new());
        let memory = Memory::new(&mut store, MemoryType::new(1, Some(1))).unwrap();
        let mut linker = Linker::new(&engine);
        linker.define(&store, "env", "memory", memory).unwrap();
        let log = move |mut caller: Caller<'_, Vec<(i32, String)>>, level: i32, at: i32, length: i32| {
            let bytes = &memory.data(&caller)[at as usize..(at + length) as usize];
            let text = String::from_utf8(bytes.to_vec()).expect("the host takes nothing but UTF-8");
            caller.data_mut().push((level, text));
        };
        linker.func_wrap("weir:action/log@0.1.0", "write", log).unwrap();
        let module = Module::new(&engine, wat::parse_str(ADAPTER).unwrap()).unwrap();
        let adapter = linker.instantiate(&mut store, &module).unwrap();
        Self { store, memory, adapter }
    }

    fn call<P: wasmtime::WasmParams, R: wasmtime::WasmResults>(
        &mut self,
        name: &str,
        parameters: P,
    ) -> wasmtime::Result<R> {
        let function = self.adapter.get_typed_func::<P, R>(&mut self.store, name).unwrap();
        function.call(&mut self.store, parameters)
    }

    fn write(&mut self, at: i32, bytes: &[u8]) {
        self.memory.write(&mut self.store, at as usize, bytes).unwrap();
    }

    fn read<const N: usize>(&self, at: i32) -> [u8; N] {
        self.memory.data(&self.store)[at as usize..at as usize + N].try_into().unwrap()
    }

    fn lend_line(&mut self, bytes: i32) {
        self.call::<_, ()>("weir_lend_line", (LINE, bytes)).unwrap();
    }

    /// Prints these pieces at once; all of them must be taken.
    fn print(&mut self, descriptor: i32, pieces: &[&[u8]]) {
        let mut at = TEXT;
        for (i, piece) in pieces.iter().enumerate() {
            self.write(at, piece);
            self.write(PIECES + 8 * i as i32, &at.to_le_bytes());
            self.write(PIECES + 8 * i as i32 + 4, &(piece.len() as i32).to_le_bytes());
            at += piece.len() as i32;
        }
        let error: i32 = self.call("fd_write", (descriptor, PIECES, pieces.len() as i32, ANSWER)).unwrap();
        assert_eq!((error, i32::from_le_bytes(self.read(ANSWER))), (0, at - TEXT));
    }

    fn lines(&mut self) -> Vec<(i32, String)> {
        std::mem::take(self.store.data_mut())
    }

    fn clock(&mut self, clock: i32) -> u64 {
        assert_eq!(self.call::<_, i32>("clock_time_get", (clock, 0_i64, ANSWER)).unwrap(), 0);
        u64::from_le_bytes(self.read(ANSWER))
    }

    fn random<const N: usize>(&mut self) -> [u8; N] {
        self.write(TEXT, &[0xaa; 64]);
        assert_eq!(self.call::<_, i32>("random_get", (TEXT, N as i32)).unwrap(), 0);
        assert_eq!(self.read::<1>(TEXT + N as i32), [0xaa], "nothing is written behind what was asked for");
        self.read(TEXT)
    }
}

fn line(level: i32, text: &str) -> (i32, String) {
    (level, text.to_owned())
}

#[test]
fn what_is_printed_is_logged_line_by_line() {
    let mut guest = Guest::new();
    guest.lend_line(16);
    guest.print(STDOUT, &[b"he", b"llo\nwor"]);
    guest.print(STDERR, &[b"odd\n"]);
    assert_eq!(guest.lines(), [line(INFO, "hello"), line(INFO, "wor"), line(WARN, "odd")]);
    guest.print(STDOUT, &[b"0123456789abcdefgh\n\n", b"rest"]);
    guest.call::<_, ()>("weir_end_line", ()).unwrap();
    assert_eq!(guest.lines(), [line(INFO, "0123456789abcdef"), line(INFO, "gh"), line(INFO, "rest")]);
}

#[test]
fn what_follows_gos_last_words_is_less_than_a_warning() {
    let mut guest = Guest::new();
    guest.lend_line(100);
    guest.print(STDERR, &[b"an odd thing\n", b"panic: ", b"in a goroutine\n", b"goroutine 6 [running]:\n"]);
    let said = [line(WARN, "an odd thing"), line(WARN, "panic: in a goroutine"), line(INFO, "goroutine 6 [running]:")];
    assert_eq!(guest.lines(), said);
    assert!(guest.call::<_, ()>("proc_exit", 2).is_err(), "a guest that ends its process has failed");
}

/// A line is lent at the end of memory, too: what tells last words looks at nothing behind it.
#[test]
fn gos_last_words_may_be_short() {
    for words in ["panic: bad", "panic: ", "fatal error: deadlock", "fatal error: "] {
        let mut guest = Guest::new();
        let bytes = words.len() as i32;
        guest.call::<_, ()>("weir_lend_line", (MEMORY_BYTES - bytes, bytes)).unwrap();
        guest.print(STDERR, &[words.as_bytes(), b"\ntrace"]);
        guest.call::<_, ()>("weir_end_line", ()).unwrap();
        let said = guest.lines();
        assert_eq!(said[0], line(WARN, words));
        assert!(said.len() > 1 && said[1..].iter().all(|(level, _)| *level == INFO), "{said:?}");
    }
}

#[test]
fn what_only_looks_like_last_words_lets_warnings_be_warnings() {
    for words in ["panic", "panic:", "manic: x", "fatal error", "fatal erosion: x", "fatal error; x", "fat"] {
        let mut guest = Guest::new();
        guest.call::<_, ()>("weir_lend_line", (MEMORY_BYTES - 16, 16)).unwrap();
        guest.print(STDERR, &[words.as_bytes(), b"\nodd\n"]);
        assert_eq!(guest.lines(), [line(WARN, words), line(WARN, "odd")]);
    }
    let mut guest = Guest::new();
    guest.lend_line(100);
    guest.print(STDOUT, &[b"panic: bad\n"]);
    guest.print(STDERR, &[b"panic\nodd\n"]);
    assert_eq!(guest.lines(), [line(INFO, "panic: bad"), line(WARN, "panic"), line(WARN, "odd")]);
}

#[test]
fn nothing_is_logged_without_a_line_that_the_guest_lends() {
    let mut guest = Guest::new();
    guest.print(STDOUT, &[b"hello\n"]);
    assert_eq!(guest.lines(), []);
    assert_eq!(guest.call::<_, i32>("fd_write", (3, PIECES, 0, ANSWER)).unwrap(), 8);
}

/// All that is no UTF-8 becomes a question mark, byte by byte, as Rust's own reading of it finds it.
#[test]
fn bytes_that_are_no_text_are_logged_as_question_marks() {
    const BYTES: [u8; 16] =
        [b'a', 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xe2, 0xed, 0xf0, 0xf1, 0xf4, 0xff];
    let mut guest = Guest::new();
    guest.lend_line(100);
    let mut draw = 1_u64;
    for _ in 0..5000 {
        let mut bytes = Vec::new();
        for _ in 0..10 {
            draw = draw.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            bytes.push(BYTES[(draw >> 60) as usize]);
        }
        guest.print(STDOUT, &[&bytes, b"\n"]);
        assert_eq!(guest.lines(), [line(INFO, &text(&bytes))], "{bytes:x?}");
    }
}

fn text(mut bytes: &[u8]) -> String {
    let mut text = String::new();
    while !bytes.is_empty() {
        let length = (1..=4).find(|&length| bytes.get(..length).is_some_and(|part| std::str::from_utf8(part).is_ok()));
        text += length.map_or("?", |length| std::str::from_utf8(&bytes[..length]).unwrap());
        bytes = &bytes[length.unwrap_or(1)..];
    }
    text
}

#[test]
fn time_of_day_stands_still_and_the_monotonic_clock_never_goes_back() {
    let mut guest = Guest::new();
    guest.call::<_, ()>("weir_set_clock", 5_000_000_000_i64).unwrap();
    assert_eq!([guest.clock(0), guest.clock(0)], [5_000_000_000; 2]);
    assert_eq!([guest.clock(1), guest.clock(1)], [5_000_001_000, 5_000_002_000]);
    guest.call::<_, ()>("weir_set_clock", 1_000_000_000_i64).unwrap();
    assert_eq!([guest.clock(0), guest.clock(1)], [1_000_000_000, 5_000_003_000]);
}

/// A subscription: user data, what to wait for (0 a clock, 1 a descriptor), which clock, until when, absolute or not.
fn subscription(user_data: u64, what: u8, clock: u32, time: u64, absolute: bool) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..8].copy_from_slice(&user_data.to_le_bytes());
    bytes[8] = what;
    bytes[16..20].copy_from_slice(&clock.to_le_bytes());
    bytes[24..32].copy_from_slice(&time.to_le_bytes());
    bytes[40] = u8::from(absolute);
    bytes
}

fn poll(guest: &mut Guest, subscriptions: &[[u8; 48]]) -> Vec<u64> {
    guest.write(TEXT, &subscriptions.concat());
    let asked = (TEXT, EVENTS, subscriptions.len() as i32, ANSWER);
    assert_eq!(guest.call::<_, i32>("poll_oneoff", asked).unwrap(), 0);
    let count = i32::from_le_bytes(guest.read(ANSWER));
    (0..count).map(|i| u64::from_le_bytes(guest.read(EVENTS + 32 * i))).collect()
}

#[test]
fn waiting_takes_no_time_and_moves_the_clocks_to_the_first_that_was_waited_for() {
    let mut guest = Guest::new();
    guest.call::<_, ()>("weir_set_clock", 1_000_000_000_i64).unwrap();
    let waits = [
        subscription(11, 0, 1, 7000, false),
        subscription(22, 0, 0, 1_000_004_000, true),
        subscription(33, 0, 1, 4000, false),
    ];
    assert_eq!(poll(&mut guest, &waits), [22, 33]);
    assert_eq!([guest.clock(0), guest.clock(1)], [1_000_004_000, 1_000_005_000]);
    let passed = [subscription(44, 0, 0, 7, true), subscription(55, 1, 0, 0, false), waits[0]];
    assert_eq!(poll(&mut guest, &passed), [44, 55]);
    assert_eq!(guest.clock(0), 1_000_004_000);
}

#[test]
fn randomness_is_the_stream_that_the_seed_begins() {
    let mut guest = Guest::new();
    let mut drawn = |seed: i64| {
        guest.call::<_, ()>("weir_set_random", seed).unwrap();
        (guest.random::<13>(), guest.random::<13>(), guest.random::<0>(), guest.random::<8>())
    };
    let (first, second) = (drawn(7), drawn(8));
    assert_eq!(drawn(7), first);
    assert!(first.0 != second.0 && first.0 != first.1 && first.0[..8] != first.3, "{first:?}");
}
