use super::*;

#[test]
fn a_url_is_shown_with_host_port_and_vhost_only() {
    for (url, shown) in [
        (
            "amqp://guest:secret@127.0.0.1:5672/%2f",
            "amqp://127.0.0.1:5672/%2f",
        ),
        ("amqp://guest:secret@rabbit", "amqp://rabbit:5672/%2f"),
        (
            "amqps://user:se%2fcret@rabbit.example/claims?heartbeat=5",
            "amqps://rabbit.example:5671/claims",
        ),
        ("amqp://user:p@secret@rabbit:1234/v", "amqp://rabbit:1234/v"),
        ("amqp://[::1]:5672", "amqp://[::1]:5672/%2f"),
        ("memory://", "memory://"),
        ("amqp://user:12/secret@rabbit/v", "(unreadable URL)"),
        ("amqp://user:12?secret@rabbit/v", "(unreadable URL)"),
        ("amqp://user:12#secret@rabbit/v", "(unreadable URL)"),
        ("amqp://user:se/cret@rabbit/v", "(unreadable URL)"),
        ("secret", "(unreadable URL)"),
        ("http://user:secret@rabbit", "(unreadable URL)"),
        ("amqp://", "(unreadable URL)"),
    ] {
        assert_eq!(redacted(url), shown, "{url}");
    }
}

#[test]
fn every_part_is_read_as_it_is_written() {
    for (url, is_tls, host, port, login, vhost) in [
        ("amqp://localhost", false, "localhost", 5672, None, "/"),
        ("AMQPS://localhost", true, "localhost", 5671, None, "/"),
        (
            "amqp://u:p@[2001:db8::7]",
            false,
            "2001:db8::7",
            5672,
            Some(("u", "p")),
            "/",
        ),
        (
            "amqps://u:p@[2001:db8::7]:1/v",
            true,
            "2001:db8::7",
            1,
            Some(("u", "p")),
            "v",
        ),
        (
            "amqp://@10.0.0.1:7?heartbeat=5",
            false,
            "10.0.0.1",
            7,
            None,
            "/",
        ),
        (
            "amqp://u%61:p%40%3a:x@ho%61st/%2f",
            false,
            "hoast",
            5672,
            Some(("ua", "p@::x")),
            "/",
        ),
        (
            "amqp://u:@h/v%2fw",
            false,
            "h",
            5672,
            Some(("u", "")),
            "v/w",
        ),
        (
            "amqp://u:50%off@h//",
            false,
            "h",
            5672,
            Some(("u", "50%off")),
            "/",
        ),
        (
            "amqp://u:%E5%AF%86@h/../v",
            false,
            "h",
            5672,
            Some(("u", "密")),
            "../v",
        ),
    ] {
        let read = BrokerUrl::parse(url).unwrap_or_else(|flaw| panic!("{url} {flaw}"));
        assert_eq!(
            (
                read.is_tls,
                read.host.as_str(),
                read.port,
                read.vhost.as_str()
            ),
            (is_tls, host, port, vhost),
            "{url}"
        );
        let read = read
            .login
            .as_ref()
            .map(|login| (login.user.as_str(), login.password.expose()));
        assert_eq!(read, login, "{url}");
    }
}

#[test]
fn a_url_that_is_not_understood_is_refused_and_not_repeated() {
    for (url, says) in [
        ("secret", "is not a URL"),
        ("http://h", "must begin with amqp://"),
        ("amqp://u:se cret@h", "has a blank"),
        (
            "amqp://u:secret@h/v\n",
            "has a blank or a control character",
        ),
        ("amqp://u:secret@", "names no host"),
        ("amqp://", "names no host"),
        (
            "amqp://u:secret@h/",
            "names the empty virtual host, because it ends in /; the default one is /%2f",
        ),
        (
            "amqp://u:secret@h/?heartbeat=5",
            "names the empty virtual host",
        ),
        ("amqp://u:secret@h/v#w", "has a # behind its host"),
        ("amqp://u:se/cret@h", "has an @ behind its host"),
        ("amqp://secret@h", "names a user without a password"),
        ("amqp://:secret@h", "names a password without a user"),
        ("amqp://u:%ff@h", "has a password that is not UTF-8"),
        ("amqp://%ff:secret@h", "has a user that is not UTF-8"),
        ("amqp://h/%ff", "has a vhost that is not UTF-8"),
        ("amqp://2001:db8::7", "outside of brackets"),
        ("amqp://[2001:db8::7", "without its closing bracket"),
        ("amqp://[rabbit]", "no IPv6 address"),
        ("amqp://[::1]x", "has a port"),
        ("amqp://h:0", "has a port"),
        ("amqp://h:65536", "has a port"),
        (
            "amqp://h?heartbeat=0",
            "has a heartbeat that is no whole number from 1 to 3600",
        ),
        (
            "amqp://h?frame_max=4096",
            "has a frame_max that is no whole number from 8192",
        ),
        ("amqp://h?channel_max=many", "has a channel_max"),
        ("amqp://h?connection_timeout=0", "has a connection_timeout"),
        (
            "amqp://h?auth_mechanism=secret",
            "has an auth_mechanism other than",
        ),
        (
            "amqp://h?heartbeat=5&heartbeat=6",
            "has the parameter heartbeat twice",
        ),
        (
            "amqp://h?verify=verify_peer",
            "has the parameter verify, which is not known",
        ),
        ("amqp://h?Secret-1", "has the parameter (not shown)"),
        ("amqp://h?cacertfile=/secret", "set broker.ca_file instead"),
    ] {
        let flaw = BrokerUrl::parse(url)
            .err()
            .unwrap_or_else(|| panic!("{url} is read"));
        assert!(
            flaw.contains(says) && !flaw.to_lowercase().contains("secret"),
            "{url}: {flaw}"
        );
    }
    assert!(BrokerUrl::parse(&format!("amqp://h/{}", "v".repeat(256))).is_err());
}

#[test]
fn a_url_of_the_management_api_may_name_another_user() {
    let login = |url: &str| BrokerLogin::from_management_url(&Url::parse(url).unwrap());
    assert_eq!(login("http://host:15672"), None);
    let named = login("https://the%20reader:s%2fecret@host").unwrap();
    assert_eq!(
        (named.user.as_str(), named.password.expose()),
        ("the reader", "s/ecret")
    );
}
