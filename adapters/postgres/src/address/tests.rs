use super::*;

fn hosts(address: &Address) -> Vec<String> {
    address.hosts.iter().map(ToString::to_string).collect()
}

fn read(text: &str) -> Address {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn complete_addresses_are_read() {
    let address = read("postgres://me:a%2Fb+c@db.example/shop?sslmode=verify-full");
    assert_eq!(hosts(&address), ["db.example:5432"]);
    assert_eq!((&*address.user, &*address.password, &*address.database), ("me", "a/b+c", "shop"));
    assert_eq!((address.tls.mode, address.target), (TlsMode::VerifyFull, Target::Any));

    assert_eq!(hosts(&read("postgresql://me@[::1]:6000/shop")), ["[::1]:6000"]);
    assert_eq!(read("postgres://me:a:b@h/shop").password, "a:b");
    assert_eq!(read("postgres://h/?user=me&password=p%20q&dbname=shop").password, "p q");
}

#[test]
fn sockets_are_named_by_their_folder() {
    for text in [
        "postgres://me@%2Frun%2Fpostgresql/shop",
        "postgres://me@/shop?host=/run/postgresql",
        "postgres:///shop?user=me&host=%2Frun%2Fpostgresql",
        "postgres://me@ignored/shop?host=/run/postgresql",
    ] {
        let address = read(text);
        assert_eq!(hosts(&address), ["/run/postgresql:5432"], "{text}");
        assert!(address.hosts[0].is_socket());
    }
    let local = read("postgres://me@/shop");
    assert!(local.hosts[0].is_socket() && local.hosts[0].port == 5432);
    assert_eq!(read("postgres://me@:6000/shop").hosts[0].port, 6000);
}

#[test]
fn several_servers_are_a_primary_with_standbys() {
    let address = read("postgres://me@a:1,b,[::1]:3/shop");
    assert_eq!(hosts(&address), ["a:1", "b:5432", "[::1]:3"]);
    assert_eq!(address.target, Target::ReadWrite);
    assert_eq!(read("postgres://me@a,b/shop?target_session_attrs=any").target, Target::Any);
    assert_eq!(hosts(&read("postgres://me@/shop?host=a,b&port=1,2")), ["a:1", "b:2"]);
    assert_eq!(hosts(&read("postgres://me@a,b/shop?port=7")), ["a:7", "b:7"]);
    assert!(read("postgres://me@a,b/shop?load_balance_hosts=random").random);
}

#[test]
fn addresses_of_providers_are_read() {
    let pooled = "postgres://me:pw@ep-x-pooler.example/neon?sslmode=require&channel_binding=prefer&connect_timeout=10\
                  &application_name=shop&options=endpoint%3Dep-x";
    let address = read(pooled);
    assert_eq!(address.connect_timeout, Some(Duration::from_secs(10)));
    assert_eq!(address.application_name.as_deref(), Some("shop"));
    assert_eq!(address.options.as_deref(), Some("endpoint=ep-x"));
    assert_eq!(address.tls.mode, TlsMode::Require);
    let managed = read("postgres://me:pw@db.example:25060/defaultdb?ssl=true&sslrootcert=/ca.pem&gssencmode=disable");
    assert_eq!(managed.tls.mode, TlsMode::VerifyCa, "an authority that is named is used");
    assert_eq!(managed.tls.authority.as_deref(), Some("/ca.pem"));
    let public = read("postgres://me@h/d?sslrootcert=system");
    assert_eq!((public.tls.mode, public.tls.authority), (TlsMode::VerifyFull, None));
}

#[test]
fn wrong_addresses_are_refused_without_being_quoted() {
    for (url, reason) in [
        ("", "not a URL"),
        ("127.0.0.1:5432", "not a URL"),
        ("postgres:secret", "not a URL"),
        ("postgres://me:secret@host:port/shop", "not a URL"),
        ("postgres://me:secret@host:0/shop", "not a URL"),
        ("postgres://me:secret@[::1]x/shop", "not a URL"),
        ("mysql://me:secret@host/shop", "does not start with postgres://"),
        ("postgres://host/secret", "names no user"),
        ("postgres://me:secret@host", "names no database"),
        ("postgres://host", "names no user and no database"),
        ("postgres://me:12/secret@host/shop", "percent-encoded"),
        ("postgres://me:12?secret@host/shop", "percent-encoded"),
        ("postgres://me:12?secret=1@host/shop", "percent-encoded"),
        ("postgres://me:12@secret@host/shop", "percent-encoded"),
        ("postgres://me:12#secret@host/shop", "percent-encoded"),
        ("postgres://me:12@1?secret@host/shop", "percent-encoded"),
        ("postgres://me:secret@host/shop?sslmode=secret", "sslmode must be"),
        ("postgres://me:secret@host/shop?secret=1", "unknown parameter"),
        ("postgres://me:secret@host/shop?sslcert=secret", "sslcert and sslkey"),
        ("postgres://me:secret@host/shop?host=a,b&port=1,2,3", "host and port"),
        ("postgres://me:secret@host/shop?port=secret", "port must be"),
        ("postgres://me:secret@host/shop?connect_timeout=secret", "connect_timeout must be"),
        ("postgres://me:secret@host/shop?target_session_attrs=standby", "target_session_attrs must be"),
        ("postgres://me:secret@host/shop?load_balance_hosts=secret", "load_balance_hosts must be"),
        ("postgres://me:secret@host/shop?channel_binding=require", "channel_binding must be disable or prefer"),
        ("postgres://me:secret@host/shop?sslnegotiation=direct", "sslnegotiation must be postgres"),
        ("postgres://me:secret@host/shop?sslmode=require&sslrootcert=system", "sslrootcert=system needs"),
        ("postgres://me:secret@host/shop?keepalives=1", "the parameter keepalives is not supported"),
        ("postgres://me:secret@host/shop?hostaddr=1.2.3.4", "the parameter hostaddr is not supported"),
    ] {
        let Err(error) = parse(url) else { panic!("{url} is accepted") };
        let text = error.to_string();
        assert!(text.contains(reason), "{url}: {text}");
        assert!(!text.contains("secret"), "{url}: {text}");
    }
}
