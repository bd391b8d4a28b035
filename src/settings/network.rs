//! The proxies and root certificates for HTTP connections.

use super::proxy::ProxyRoutes;
use super::tls::Roots;

/// The way to the store and to the providers. The default takes no proxy and trusts the operating
/// system's authorities.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    pub proxies: ProxyRoutes,
    pub roots: Roots,
}
