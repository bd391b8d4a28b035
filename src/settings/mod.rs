//! What every section of the configuration is made of: units, secrets, texts that may stand in a
//! header or URL, TLS roots and proxies, TOML with the place of
//! each value, and the list of what is wrong.
//!
//! A leaf: it knows no section and no module of the worker, so that each module can own its section
//! without importing the configuration as a whole.

pub mod file;
pub mod located;
mod network;
pub mod problem;
mod proxy;
pub mod secret;
pub mod text;
pub mod tls;
pub mod units;

pub use network::Network;
pub use proxy::{Http, ProxyRoutes, ProxyVariables};
pub use tls::{Roots, Tls, roots_of};
