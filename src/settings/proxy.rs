//! `[http]`: the way to the store and to the providers.
//!
//! One rule for both. The broker is not reached over HTTP, and an address of this machine is never
//! reached through a proxy.

use super::problem::Problems;
use super::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// The hosts that are never reached through a proxy: this machine, and the link-local addresses at
/// which cloud instances fetch their credentials.
const NEVER_PROXIED: &str = "localhost,127.0.0.0/8,::1,169.254.0.0/16,fd00:ec2::254";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// `environment`, `none` or a URL; a secret, because the URL may carry a password.
    pub proxy: Secret,
    pub proxy_file: String,
    /// The proxy variables at the time when the configuration was loaded.
    #[serde(skip)]
    pub variables: ProxyVariables,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            proxy: Secret::new(ENVIRONMENT),
            proxy_file: String::new(),
            variables: ProxyVariables::default(),
        }
    }
}

const ENVIRONMENT: &str = "environment";
const NONE: &str = "none";

/// `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, or the same in lower case, which is read first.
/// Empty is as good as unset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProxyVariables {
    http: ProxyVariable,
    https: ProxyVariable,
    no_proxy: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct ProxyVariable {
    name: String,
    value: Secret,
}

impl ProxyVariables {
    /// `lookup` answers the value of a variable.
    pub(crate) fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: [&str; 2]| {
            let set = names
                .into_iter()
                .filter_map(|name| Some((name, lookup(name)?)));
            let mut filled = set.filter(|(_, value)| !value.is_empty());
            filled
                .next()
                .map(|(name, value)| ProxyVariable {
                    name: name.to_owned(),
                    value: Secret::new(&value),
                })
                .unwrap_or_default()
        };
        Self {
            http: first(["http_proxy", "HTTP_PROXY"]),
            https: first(["https_proxy", "HTTPS_PROXY"]),
            no_proxy: first(["no_proxy", "NO_PROXY"]).value.expose().to_owned(),
        }
    }
}

/// Which proxy a request takes, by the scheme of its URL. The addresses may carry passwords.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProxyRoutes {
    pub http: Option<Secret>,
    pub https: Option<Secret>,
    /// Hosts that are reached directly, in the notation of `NO_PROXY`.
    pub direct: String,
}

impl Http {
    pub fn validate(&self, problems: &mut Problems) {
        if let Err((key, problem)) = self.resolve() {
            problems.add(&key, problem);
        }
    }

    /// No proxy at all where the configuration is not valid: [`Http::validate`] refuses that.
    pub fn routes(&self) -> ProxyRoutes {
        self.resolve().unwrap_or_default()
    }

    fn resolve(&self) -> Result<ProxyRoutes, (String, String)> {
        let key = || "http.proxy".to_owned();
        match self.proxy.expose() {
            NONE => Ok(ProxyRoutes::default()),
            ENVIRONMENT => {
                let variables = &self.variables;
                let read = |variable: &ProxyVariable| match variable.value.expose() {
                    "" => Ok(None),
                    value => proxy_url(value).map(Some).map_err(|problem| {
                        let mend = "correct the variable, or set http.proxy to \"none\" or to a URL";
                        (key(), format!("environment variable {} {problem}; {mend}", variable.name))
                    }),
                };
                let direct = match variables.no_proxy.as_str() {
                    "" => NEVER_PROXIED.to_owned(),
                    listed => format!("{listed},{NEVER_PROXIED}"),
                };
                Ok(ProxyRoutes { http: read(&variables.http)?, https: read(&variables.https)?, direct })
            }
            "" => Err((key(), "is empty; write \"environment\", \"none\" or a URL such as \"http://proxy.example:3128\"".to_owned())),
            url => {
                let url = proxy_url(url).map_err(|problem| {
                    (key(), format!("{problem}; write \"environment\", \"none\" or a URL such as \"http://proxy.example:3128\""))
                })?;
                Ok(ProxyRoutes { http: Some(url.clone()), https: Some(url), direct: NEVER_PROXIED.to_owned() })
            }
        }
    }
}

/// The URL of a proxy. An address without a scheme is `http://`, as for curl. The problem repeats
/// nothing of the value, which may hold a password.
fn proxy_url(value: &str) -> Result<Secret, &'static str> {
    let with_scheme = if value.contains("://") {
        value.to_owned()
    } else {
        format!("http://{value}")
    };
    if with_scheme
        .chars()
        .any(|character| character.is_control() || character.is_whitespace())
    {
        return Err("has blanks or control characters");
    }
    let url = Url::parse(&with_scheme).map_err(
        |_| "is not a URL (special characters of a password have to be percent-encoded)",
    )?;
    match url.scheme() {
        "http" | "https" => {}
        scheme if scheme.starts_with("socks") => {
            return Err("names a SOCKS proxy, and only HTTP proxies are supported");
        }
        _ => return Err("is not an http:// or https:// URL"),
    }
    if !url.has_host() {
        return Err("names no host");
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(
            "has more behind its host than a port (special characters of a password have to be percent-encoded)",
        );
    }
    Ok(Secret::new(url.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(proxy: &str, variables: &[(&str, &str)]) -> Result<(String, String), String> {
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let http = Http {
            proxy: Secret::new(proxy),
            variables: ProxyVariables::read(lookup),
            ..Http::default()
        };
        let mut problems = Problems::default();
        http.validate(&mut problems);
        if let Some((key, problem)) = problems.iter().next() {
            return Err(format!("{key}: {problem}"));
        }
        let shown = |route: Option<Secret>| {
            route.map_or_else(|| "direct".to_owned(), |url| url.expose().to_owned())
        };
        let routes = http.routes();
        Ok((shown(routes.http), shown(routes.https)))
    }

    #[test]
    fn a_request_takes_the_proxy_of_its_scheme() {
        let both = [("HTTP_PROXY", "http://a:1"), ("HTTPS_PROXY", "b:2")];
        let lower_first = [
            ("HTTPS_PROXY", "http://upper:1"),
            ("https_proxy", "http://lower:2"),
        ];
        for (proxy, variables, http, https) in [
            ("environment", &[][..], "direct", "direct"),
            ("environment", &both, "http://a:1/", "http://b:2/"),
            ("environment", &lower_first, "direct", "http://lower:2/"),
            ("environment", &[("HTTPS_PROXY", "")], "direct", "direct"),
            ("none", &both, "direct", "direct"),
            (
                "http://user:p%40ss@c:3",
                &both,
                "http://user:p%40ss@c:3/",
                "http://user:p%40ss@c:3/",
            ),
            (
                "https://proxy.example",
                &[],
                "https://proxy.example/",
                "https://proxy.example/",
            ),
        ] {
            assert_eq!(
                routes(proxy, variables),
                Ok((http.to_owned(), https.to_owned())),
                "{proxy} {variables:?}"
            );
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused_by_key_and_variable_and_never_shown() {
        for (proxy, variables, says) in [
            ("", &[][..], "http.proxy: is empty"),
            ("socks5://hush:1080", &[], "http.proxy: names a SOCKS proxy"),
            (
                "ftp://hush",
                &[],
                "http.proxy: is not an http:// or https:// URL",
            ),
            ("http://user:hush/x@proxy", &[], "percent-encoded"),
            (
                "http://proxy:80\n",
                &[],
                "http.proxy: has blanks or control characters",
            ),
            (
                "http://proxy/hush",
                &[],
                "http.proxy: has more behind its host",
            ),
            (
                "environment",
                &[("HTTPS_PROXY", "socks5h://hush")],
                "environment variable HTTPS_PROXY names a SOCKS proxy",
            ),
            (
                "environment",
                &[("http_proxy", "http://hush:port")],
                "environment variable http_proxy is not a URL",
            ),
        ] {
            let told = routes(proxy, variables).unwrap_err();
            assert!(
                told.contains(says) && !told.contains("hush"),
                "{proxy:?}: {told}"
            );
        }
    }

    #[test]
    fn this_machine_is_always_reached_directly() {
        let lookup = |name: &str| (name == "no_proxy").then(|| ".internal.example".to_owned());
        let listed = Http {
            variables: ProxyVariables::read(lookup),
            ..Http::default()
        };
        let given = Http {
            proxy: Secret::new("http://proxy:1"),
            ..Http::default()
        };
        for http in [&listed, &Http::default(), &given] {
            assert!(
                http.routes().direct.ends_with(NEVER_PROXIED),
                "{:?}",
                http.routes()
            );
        }
        assert!(listed.routes().direct.starts_with(".internal.example,"));
    }
}
