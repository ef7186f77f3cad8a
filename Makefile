# `make` alone prints what there is. Cargo is found where rustup puts it, also when it is not on the PATH.
export PATH := $(PATH):$(if $(CARGO_HOME),$(CARGO_HOME),$(HOME)/.cargo)/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test bench soak lint deny deb tutorial audit

help: ## print this
	@echo 'make TARGET [ARGS=...]'
	@awk -F ': .*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' Makefile

demo: ## see it at work on throw-away servers, then explore; ARGS=--once ends by itself
	@tests/demo/demo.sh $(ARGS)

test: ## install what is missing, then run all tests; ARGS go to cargo test, such as "--test live"
	@tests/support/install.sh test
	$(if $(ARGS),cargo test --locked --features failpoints $(ARGS),tests/support/suite.sh)

bench: ## compare with PostgreSQL's own subscriptions, 20-30 minutes; ARGS choose, such as "a c --targets 1"
	@tests/support/install.sh
	cargo build --release --locked
	cargo bench --locked --bench compare -- $(ARGS)

soak: ## 2,000 changes a second and random outages; ARGS is the number of minutes, 30 without
	@tests/support/install.sh
	cargo bench --locked --bench soak -- $(ARGS)

lint: ## formatting and clippy, as in CI
	cargo fmt --all --check
	cargo clippy --locked --all-targets --features failpoints -- -D warnings

deny: ## licences, bans and sources of everything that is linked in, by .deny.toml
	@tests/support/install.sh ci
	cargo deny --locked --config .deny.toml check licenses bans sources

deb: ## the Debian package, in target/debian
	@tests/support/install.sh package
	cargo build --release --locked
	systemd/package.sh $(ARGS)

tutorial: ## README's ten minutes, word by word on a fresh Debian in a container; needs `make deb` and Debian's mirrors
	tests/systemd/tutorial.sh

audit: ## what goes to a server: the unit, alert rules, manual pages and the package; needs `make deb`
	@tests/support/install.sh ci
	tests/support/audit.sh
