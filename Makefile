# `make demo` and `make test` are all that a fresh machine needs; what they need and can't find, they say in one line.
# Everything is built in one profile, so that nothing large is compiled twice.
CARGO ?= cargo
PROFILE = --release --locked
SEEDS ?= 2000
export WEIR_SIMULATION_SEEDS ?= $(SEEDS)
# The languages whose SDKs, guests and templates are tested.
export WEIR_LANGUAGES ?= rust,javascript,python
ALL_LANGUAGES = rust,javascript,python,go,c

.PHONY: demo demo-kafka test test-languages check guests host simulate torture bench bench-kafka bench-languages mutants clean

# Without Kafka, which would take as long again to build. The rest is the same for both, and built once.
demo: tools guests-quakes          ## runs examples/quakes, killed five times on the way
	$(CARGO) build $(PROFILE) -p weir -p quakes-world --no-default-features
	target/release/quakes-demo --weir target/release/weir

demo-kafka: tools tools-kafka guests-quakes   ## the same on Kafka: two hosts, killed in turns; needs Java 17 and Maven
	$(CARGO) build $(PROFILE) -p weir -p quakes-world
	examples/quakes/kafka.sh

test: tools tools-kafka guests    ## passes the whole test suite; of guests, those in Rust, JavaScript and Python
	$(CARGO) test $(PROFILE) --workspace
	cd guest-sdk/rust && $(CARGO) test --locked
	scripts/test-sdks
	cd examples/quakes/actions && CARGO_TARGET_DIR=../../../guest-sdk/rust/target $(CARGO) test --locked

test-languages:                    ## the same with guests in all languages
	$(MAKE) test WEIR_LANGUAGES=$(ALL_LANGUAGES)

check: tools tools-kafka          ## formatting and lints, warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(PROFILE) --workspace --all-targets -- -D warnings
	$(CARGO) clippy $(PROFILE) -p weir --no-default-features --all-targets -- -D warnings
	cd guest-sdk/rust && $(CARGO) fmt --all --check && $(CARGO) clippy --locked --all-targets -- -D warnings
	cd tests/guests && $(CARGO) fmt --all --check
	cd examples/quakes/actions && $(CARGO) fmt --all --check && CARGO_TARGET_DIR=../../../guest-sdk/rust/target $(CARGO) clippy --locked --all-targets -- -D warnings

guests: tools tools-kafka          ## builds the guests of tests and examples
	$(CARGO) build $(PROFILE) -p weir -p quakes-world
	scripts/build-guests

guests-quakes: tools
	scripts/build-guests quakes

simulate:                          ## SEEDS=… histories of the simulator
	$(CARGO) run $(PROFILE) -p weir-simulator --bin weir-simulate -- --seeds $(SEEDS)
	$(CARGO) run $(PROFILE) -p weir-simulator --bin weir-simulate -- --cluster --seeds $(SEEDS)

torture: tools tools-kafka guests ## the kill tests, 200 kills instead of 10, and what else takes minutes
	WEIR_KILLS=200 $(CARGO) test $(PROFILE) -p weir-tests --test suite -- kill torture --nocapture

bench: tools tools-kafka guests   ## the figures of BENCHMARKS.md
	scripts/bench

bench-kafka: tools tools-kafka guests ## those on Kafka, with a broker of its own (needs Java and Maven)
	scripts/bench --kafka

bench-languages: tools tools-kafka ## what each language of guests costs; one without a toolchain is a row that says so
	scripts/bench --languages

mutants:                           ## mutation tests of the core (long)
	scripts/mutants

clean:
	$(CARGO) clean
	rm -rf guest-sdk/rust/target .cache

.PHONY: tools tools-kafka guests-quakes
tools:
	@case "$(CURDIR)" in *" "*) echo "$(CURDIR) has a space in its name, with which the C libraries do not build: move it"; exit 1;; esac
	@command -v $(CARGO) >/dev/null || { echo "cargo is missing: install Rust 1.95 or later from https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || { echo "cc is missing: install a C compiler (Debian: apt-get install gcc libc6-dev)"; exit 1; }

# What Kafka's client is built with; OpenSSL in it asks for perl.
tools-kafka:
	@command -v c++ >/dev/null || { echo "c++ is missing: install a C++ compiler (Debian: apt-get install g++)"; exit 1; }
	@command -v pkg-config >/dev/null || { echo "pkg-config is missing: install it (Debian: apt-get install pkg-config)"; exit 1; }
	@command -v perl >/dev/null || { echo "perl is missing: install it (Debian: apt-get install perl)"; exit 1; }
