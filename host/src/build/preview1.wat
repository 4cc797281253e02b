;; WASI preview1 for guests whose toolchain knows no components (Go, C): what a core module asks of
;; `wasi_snapshot_preview1`, answered inside the component, which so imports no WASI at all.
;;
;; It has no memory of its own and grows none: Go's runtime takes every page that appears for its own. It calls nothing of
;; the host but `log.write`, and that only when the guest prints: Go's runtime reads the clock while the host hands it a
;; string, and a component may not call out then.
;;
;; Clock and randomness stand still until the guest's SDK sets them: it takes them from the contract when an action starts
;; and after each durable call, so that they are the same again on replay. Until then it is 1970, and each guest draws the
;; same.
(module
  (import "env" "memory" (memory 0))
  (import "weir:action/log@0.1.0" "write" (func $log (param $level i32) (param $text i32) (param $length i32)))

  (global $wall_ns (mut i64) (i64.const 0))
  (global $monotonic_ns (mut i64) (i64.const 0))
  (global $random (mut i64) (i64.const 0))
  ;; A line that is being printed: memory that the guest lends.
  (global $line (mut i32) (i32.const 0))
  (global $line_bytes_max (mut i32) (i32.const 0))
  (global $line_bytes (mut i32) (i32.const 0))
  (global $line_level (mut i32) (i32.const 2))
  ;; Whether Go's runtime has said why it ends.
  (global $ending (mut i32) (i32.const 0))

  ;; For the SDK.

  ;; Lends memory for the lines that the guest prints. Without it they are not seen.
  (func (export "weir_lend_line") (param $at i32) (param $bytes i32)
    (global.set $line (local.get $at))
    (global.set $line_bytes_max (local.get $bytes)))

  ;; Sets the clock. The monotonic one never goes back.
  (func (export "weir_set_clock") (param $ns i64)
    (global.set $wall_ns (local.get $ns))
    (if (i64.lt_u (global.get $monotonic_ns) (local.get $ns)) (then (global.set $monotonic_ns (local.get $ns)))))

  ;; Begins another stream of randomness.
  (func (export "weir_set_random") (param $seed i64) (global.set $random (local.get $seed)))

  ;; Ends the line that is being printed.
  (func $end_line (export "weir_end_line")
    (if (global.get $line_bytes)
      (then
        (call $make_text (global.get $line) (i32.add (global.get $line) (global.get $line_bytes)))
        ;; What follows a line that begins with `panic: ` or `fatal error: ` is a trace. Less than a warning, it lets the
        ;; host tell the first as the guest's last words. Nothing is looked at behind the line, which may be short.
        (call $log
          (select (i32.const 2) (global.get $line_level) (global.get $ending))
          (global.get $line) (global.get $line_bytes))
        (if (i32.and (i32.eq (global.get $line_level) (i32.const 3)) (i32.ge_u (global.get $line_bytes) (i32.const 7)))
          (then (if (i32.and
            (i32.eq (i32.load align=1 (global.get $line)) (i32.const 0x696e6170))
            (i32.eq (i32.load offset=3 align=1 (global.get $line)) (i32.const 0x203a6369)))
            (then (global.set $ending (i32.const 1))))))
        (if (i32.and (i32.eq (global.get $line_level) (i32.const 3)) (i32.ge_u (global.get $line_bytes) (i32.const 13)))
          (then (if (i32.and
            (i64.eq (i64.load align=1 (global.get $line)) (i64.const 0x7265206c61746166))
            (i64.eq (i64.load offset=5 align=1 (global.get $line)) (i64.const 0x203a726f72726520)))
            (then (global.set $ending (i32.const 1))))))
        (global.set $line_bytes (i32.const 0)))))

  ;; Puts a question mark for each byte that is not part of UTF-8: the host takes nothing else.
  (func $make_text (param $at i32) (param $end i32)
    (local $byte i32) (local $next i32) (local $more i32) (local $low i32) (local $high i32) (local $i i32)
    (block $done
      (loop $characters
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $byte (i32.load8_u (local.get $at)))
        (local.set $more (i32.const 0))                    ;; bytes that follow; 4: it is no first byte
        (if (i32.ge_u (local.get $byte) (i32.const 0x80)) (then
          (local.set $more (i32.const 4))
          (if (i32.and (i32.ge_u (local.get $byte) (i32.const 0xc2)) (i32.le_u (local.get $byte) (i32.const 0xf4))) (then
            (local.set $more (i32.add (i32.const 1) (i32.add
              (i32.ge_u (local.get $byte) (i32.const 0xe0)) (i32.ge_u (local.get $byte) (i32.const 0xf0)))))))))
        (local.set $low (i32.const 0x80))                  ;; bounds of the second byte
        (local.set $high (i32.const 0xbf))
        (if (i32.eq (local.get $byte) (i32.const 0xe0)) (then (local.set $low (i32.const 0xa0))))
        (if (i32.eq (local.get $byte) (i32.const 0xed)) (then (local.set $high (i32.const 0x9f))))
        (if (i32.eq (local.get $byte) (i32.const 0xf0)) (then (local.set $low (i32.const 0x90))))
        (if (i32.eq (local.get $byte) (i32.const 0xf4)) (then (local.set $high (i32.const 0x8f))))
        (block $good
          (block $bad
            (br_if $bad (i32.eq (local.get $more) (i32.const 4)))
            (br_if $bad (i32.gt_u (i32.add (i32.add (local.get $at) (local.get $more)) (i32.const 1)) (local.get $end)))
            (local.set $i (i32.const 0))
            (loop $following
              (br_if $good (i32.eq (local.get $i) (local.get $more)))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (local.set $next (i32.load8_u (i32.add (local.get $at) (local.get $i))))
              (br_if $bad (i32.lt_u (local.get $next) (local.get $low)))
              (br_if $bad (i32.gt_u (local.get $next) (local.get $high)))
              (local.set $low (i32.const 0x80))
              (local.set $high (i32.const 0xbf))
              (br $following)))
          (i32.store8 (local.get $at) (i32.const 63))
          (local.set $more (i32.const 0)))
        (local.set $at (i32.add (local.get $at) (i32.add (i32.const 1) (local.get $more))))
        (br $characters))))

  ;; What is printed goes to the log line by line, to stdout as info, to stderr as warnings.
  (func $print (param $level i32) (param $at i32) (param $end i32)
    (local $byte i32)
    (if (i32.ne (global.get $line_level) (local.get $level)) (then (call $end_line)))
    (global.set $line_level (local.get $level))
    (block $done
      (br_if $done (i32.eqz (global.get $line_bytes_max)))
      (loop $bytes
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $byte (i32.load8_u (local.get $at)))
        (if (i32.eq (local.get $byte) (i32.const 10))
          (then (call $end_line))
          (else
            (i32.store8 (i32.add (global.get $line) (global.get $line_bytes)) (local.get $byte))
            (global.set $line_bytes (i32.add (global.get $line_bytes) (i32.const 1)))
            (if (i32.eq (global.get $line_bytes) (global.get $line_bytes_max)) (then (call $end_line)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $bytes))))

  ;; For the toolchain: preview1. Errors are 8 (no such descriptor), 44 (no such file), 52 (not to be had).

  (func (export "fd_write") (param $fd i32) (param $pieces i32) (param $count i32) (param $written i32) (result i32)
    (local $total i32) (local $at i32) (local $bytes i32)
    (if (i32.and (i32.ne (local.get $fd) (i32.const 1)) (i32.ne (local.get $fd) (i32.const 2))) (then (return (i32.const 8))))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $at (i32.load (local.get $pieces)))
        (local.set $bytes (i32.load offset=4 (local.get $pieces)))
        (call $print (i32.add (local.get $fd) (i32.const 1)) (local.get $at) (i32.add (local.get $at) (local.get $bytes)))
        (local.set $total (i32.add (local.get $total) (local.get $bytes)))
        (local.set $pieces (i32.add (local.get $pieces) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $total))
    (i32.const 0))

  ;; A guest that ends its process has failed.
  (func (export "proc_exit") (param i32) (call $end_line) unreachable)
  (func (export "proc_raise") (param i32) (result i32) (call $end_line) unreachable)

  ;; The time of day stands still between settings. The monotonic clock counts 1 µs a reading, so that a loop that waits
  ;; for it ends: Go's runtime reads it, too, how often depends on much.
  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $time i32) (result i32)
    (if (i32.eqz (local.get $clock))
      (then (i64.store (local.get $time) (global.get $wall_ns)))
      (else
        (global.set $monotonic_ns (i64.add (global.get $monotonic_ns) (i64.const 1000)))
        (i64.store (local.get $time) (global.get $monotonic_ns))))
    (i32.const 0))

  (func (export "clock_res_get") (param $clock i32) (param $resolution i32) (result i32)
    (i64.store (local.get $resolution) (i64.const 1000))
    (i32.const 0))

  ;; SplitMix64.
  (func (export "random_get") (param $at i32) (param $bytes i32) (result i32)
    (local $end i32) (local $z i64)
    (local.set $end (i32.add (local.get $at) (local.get $bytes)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (global.set $random (i64.add (global.get $random) (i64.const 0x9e3779b97f4a7c15)))
        (local.set $z (global.get $random))
        (local.set $z (i64.mul (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 30))) (i64.const 0xbf58476d1ce4e5b9)))
        (local.set $z (i64.mul (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 27))) (i64.const 0x94d049bb133111eb)))
        (local.set $z (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 31))))
        (local.set $bytes (i32.const 8))
        (loop $piece
          (i64.store8 (local.get $at) (local.get $z))
          (local.set $z (i64.shr_u (local.get $z) (i64.const 8)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (local.set $bytes (i32.sub (local.get $bytes) (i32.const 1)))
          (br_if $piece (i32.and (i32.ne (local.get $bytes) (i32.const 0)) (i32.lt_u (local.get $at) (local.get $end)))))
        (br $next)))
    (i32.const 0))

  ;; Waiting takes no time: both clocks move on by what the first of the waits asks. A descriptor is ready at once.
  (func (export "poll_oneoff") (param $subscriptions i32) (param $events i32) (param $count i32) (param $happened i32) (result i32)
    (local $i i32) (local $at i32) (local $wait i64) (local $least i64) (local $events_count i32)
    (if (i32.eqz (local.get $count)) (then (return (i32.const 28))))
    (local.set $least (i64.const -1))
    (loop $least_of
      (local.set $at (i32.add (local.get $subscriptions) (i32.mul (local.get $i) (i32.const 48))))
      (local.set $wait (call $wait_of (local.get $at)))
      (if (i64.lt_u (local.get $wait) (local.get $least)) (then (local.set $least (local.get $wait))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $least_of (i32.lt_u (local.get $i) (local.get $count))))
    (local.set $i (i32.const 0))
    (loop $tell
      (local.set $at (i32.add (local.get $subscriptions) (i32.mul (local.get $i) (i32.const 48))))
      (if (i64.le_u (call $wait_of (local.get $at)) (local.get $least)) (then
        (i64.store (local.get $events) (i64.load (local.get $at)))
        (i64.store offset=8 (local.get $events) (i64.const 0))
        (i32.store8 offset=10 (local.get $events) (i32.load8_u offset=8 (local.get $at)))
        (i64.store offset=16 (local.get $events) (i64.const 0))
        (i64.store offset=24 (local.get $events) (i64.const 0))
        (local.set $events (i32.add (local.get $events) (i32.const 32)))
        (local.set $events_count (i32.add (local.get $events_count) (i32.const 1)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $tell (i32.lt_u (local.get $i) (local.get $count))))
    (global.set $wall_ns (i64.add (global.get $wall_ns) (local.get $least)))
    (global.set $monotonic_ns (i64.add (global.get $monotonic_ns) (local.get $least)))
    (i32.store (local.get $happened) (local.get $events_count))
    (i32.const 0))

  ;; How long until a subscription's time has come.
  (func $wait_of (param $at i32) (result i64)
    (local $time i64) (local $now i64)
    (if (i32.load8_u offset=8 (local.get $at)) (then (return (i64.const 0))))
    (local.set $time (i64.load offset=24 (local.get $at)))
    (if (i32.eqz (i32.load16_u offset=40 (local.get $at))) (then (return (local.get $time))))
    (local.set $now (if (result i64) (i32.load offset=16 (local.get $at))
      (then (global.get $monotonic_ns))
      (else (global.get $wall_ns))))
    (if (i64.le_u (local.get $time) (local.get $now)) (then (return (i64.const 0))))
    (i64.sub (local.get $time) (local.get $now)))

  (func (export "sched_yield") (result i32) (i32.const 0))

  ;; No arguments, no environment.
  (func $none (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (i32.const 0))
  (export "args_sizes_get" (func $none))
  (export "environ_sizes_get" (func $none))
  (func $nothing (param i32 i32) (result i32) (i32.const 0))
  (export "args_get" (func $nothing))
  (export "environ_get" (func $nothing))

  ;; Stdin (at its end), stdout and stderr: terminals, so that C prints line by line.
  (func (export "fd_fdstat_get") (param $fd i32) (param $stat i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (i64.store (local.get $stat) (i64.const 2))
    (i64.store offset=8 (local.get $stat) (i64.const 0x8000042))   ;; read, write, poll; not seek
    (i64.store offset=16 (local.get $stat) (i64.const 0))
    (i32.const 0))
  (func (export "fd_read") (param $fd i32) (param i32 i32) (param $read i32) (result i32)
    (if (local.get $fd) (then (return (i32.const 8))))
    (i32.store (local.get $read) (i32.const 0))
    (i32.const 0))
  (func (export "fd_filestat_get") (param $fd i32) (param $stat i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (memory.fill (local.get $stat) (i32.const 0) (i32.const 64))
    (i32.store8 offset=16 (local.get $stat) (i32.const 2))
    (i32.const 0))
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) (i32.const 0))

  ;; No files, no sockets.
  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_allocate") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_close") (param i32) (result i32) (i32.const 8))
  (func (export "fd_datasync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_renumber") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_sync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_tell") (param i32 i32) (result i32) (i32.const 8))
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) (i32.const 52))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 44))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 44))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 52))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) (i32.const 44))
  (func (export "sock_accept") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (i32.const 8)))
