//! The main flow: every role of a server gets its certificate, and nothing else happens.

use rolecall::reason::Reason;
use rolecall_tests::{Call, Site, TestAgent, example, spec};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apply_gives_every_role_of_a_standard_edition_server_its_certificate() {
    let agent = TestAgent::standard_edition().await;

    agent.ctl(&["apply"]).await.success();

    let seen = agent.look().await;
    let mut roles = seen.states();
    roles.sort_unstable();
    assert_eq!(
        roles,
        [
            ("Default", "assigned"),
            ("OAuthTokenIssuer", "assigned"),
            ("WebServicesExternal", "assigned"),
            ("WebServicesInternal", "assigned"),
        ]
    );
    assert_eq!((seen.orders.len(), seen.certificates.len()), (2, 2), "{seen:#?}");
    let mut kinds = agent.kinds().await;
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        [
            "agent-started",
            "assignment-set",
            "assignment-set",
            "assignment-set",
            "assignment-set",
            "ca-established",
            "ca-issued",
            "ca-issued",
            "certificate-installed",
            "certificate-installed",
            "crl-published",
            "enrollment-set",
            "enrollment-set",
            "order-advanced",
            "order-advanced",
            "order-placed",
            "order-placed",
            "topology-loaded",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applying_twice_changes_nothing() {
    let agent = TestAgent::standard_edition().await;
    agent.ctl(&["apply"]).await.success();
    let (before, journal) = (agent.look().await, agent.journal().await);

    agent.ctl(&["apply"]).await.success();

    let after = agent.look().await;
    assert_eq!(agent.journal().await, journal);
    assert_eq!(
        (after.orders, after.certificates, after.assignments),
        (before.orders, before.certificates, before.assignments)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_assigned_survives_a_restart() {
    let agent = TestAgent::standard_edition().await;
    agent.ctl(&["apply"]).await.success();
    let before = agent.look().await;

    let agent = TestAgent::start(agent.stop().await).await;

    let after = agent.look().await;
    assert_eq!(
        (after.orders, after.certificates, after.assignments),
        (before.orders, before.certificates, before.assignments)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apply_gives_every_role_its_certificate_on_every_kind_of_server() {
    for (file, server, roles) in [
        ("enterprise-pool.toml", "fe01.contoso.net", 4),
        ("director.toml", "dir01.contoso.net", 4),
        ("mediation.toml", "med01.contoso.com", 1),
        ("survivable-branch.toml", "branch01.contoso.com", 1),
        ("edge-pool.toml", "edge01.contoso.net", 5),
    ] {
        let topology = example(file).replace("kind = \"file\"", "kind = \"embedded\"");
        let agent = TestAgent::start(Site::new(server, &topology)).await;

        agent.ctl(&["apply"]).await.success();

        let seen = agent.look().await;
        let assigned = seen.states().iter().filter(|(_, state)| *state == "assigned").count();
        assert_eq!(assigned, seen.states().len(), "{file}: {:?}", seen.states());
        assert_eq!(assigned, roles, "{file}: {:?}", seen.states());
        let expected = seen.orders.iter().flat_map(|order| &order.roles).count();
        assert_eq!(expected, roles, "{file}: each role is ordered once");
        assert_eq!(seen.certificates.len(), seen.orders.len(), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_whose_issuer_is_of_a_later_kind_is_refused_and_the_others_are_assigned() {
    let agent = TestAgent::start(Site::new("edge01.contoso.net", &example("edge-pool.toml"))).await;

    let applied = agent.ctl(&["apply"]).await;

    assert_eq!(applied.code, Some(69), "{applied:?}");
    assert!(applied.stderr.contains("(ISSUER_UNSUPPORTED)"), "{applied:?}");
    let refused = agent.place(spec(&["AccessEdgeExternal"])).await.unwrap_err();
    assert_eq!(refused.reason, Reason::IssuerUnsupported);
    assert_eq!(
        refused.message,
        "issuer public is of the kind `file`, which this version cannot use"
    );
    assert!(refused.remedy.contains("embedded"), "{refused:?}");
    let findings = agent.ctl(&["finding", "list", "-o", "json"]).await.json().to_string();
    assert!(findings.contains("issuer-unsupported"), "{findings}");
    assert!(findings.contains("issuer public of AccessEdgeExternal"), "{findings}");
    let seen = agent.look().await;
    let mut states = seen.states();
    states.sort_unstable();
    assert_eq!(
        states,
        [
            ("AccessEdgeExternal", "missing"),
            ("AudioVideoAuthentication", "assigned"),
            ("DataEdgeExternal", "missing"),
            ("Internal", "assigned"),
            ("XMPPServer", "missing"),
        ]
    );
    assert_eq!((seen.orders.len(), seen.certificates.len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssl_verifies_what_was_issued_for_the_names_of_the_topology() {
    let agent = TestAgent::standard_edition().await;
    let thumbprint = agent.obtain(&["Default", "WebServicesInternal", "WebServicesExternal"]).await;
    let folder = agent.site().path();
    let root = agent.ctl(&["issuer", "show", "embedded", "--pem", "root"]).await.success();
    let chain =
        agent.ctl(&["certificate", "show", &thumbprint, "--pem", "--chain"]).await.success();
    agent.site().write("root.pem", &root);
    agent.site().write("chain.pem", &chain);

    for name in ["se01.contoso.com", "meet.contoso.com", "lyncdiscover.contoso.com"] {
        let mut openssl = std::process::Command::new("openssl");
        openssl.args(["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name]);
        openssl.arg("-CAfile").arg(folder.join("root.pem"));
        openssl.arg("-untrusted").arg(folder.join("chain.pem")).arg(folder.join("chain.pem"));
        rolecall_tests::run(&mut openssl).success();
    }
}
