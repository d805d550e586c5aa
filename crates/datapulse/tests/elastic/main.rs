//! The whole binary on a real Elasticsearch: `cargo xtask test --all` or `--servers`.

mod anomalies;
mod kibana_double;
mod place;
mod register;
