//! The building blocks of every configuration section: units, secrets, texts that may be put in a
//! header or URL, TLS roots and proxies, and the list of problems.
//!
//! A leaf: it knows no section and no module of the worker, so that each module can own its section
//! without importing the configuration as a whole.

pub mod file;
pub mod located;
mod network;
pub mod problem;
mod proxy;
pub mod secret;
pub mod tariff;
pub mod text;
pub mod tls;
pub mod units;

pub use network::Network;
pub use proxy::{Http, ProxyRoutes, ProxyVariables};
pub use tls::{Roots, Tls, roots_of};
