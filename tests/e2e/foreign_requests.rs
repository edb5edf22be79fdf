//! Requests from outside at the embedded CA: it takes the key from them, and nothing else.

use std::process::Command;

use rolecall::access::Grant;
use rolecall::api::pb;
use rolecall::api::pb::journal_entry::Change;
use rolecall::api::status::Failure;
use rolecall::certificate::Certificate;
use rolecall::reason::Reason;
use rolecall_tests::{Call, Site, TestAgent, program, request_id, run};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Makes a request with OpenSSL.
fn csr(agent: &TestAgent, extensions: &[&str]) -> Vec<u8> {
    let folder = agent.site().path();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    openssl.args(["-subj", "/CN=se01.contoso.com", "-outform", "DER", "-keyout"]);
    openssl.arg(folder.join("foreign.key")).arg("-out").arg(folder.join("foreign.csr"));
    for extension in extensions {
        openssl.args(["-addext", extension]);
    }
    run(&mut openssl).success();
    std::fs::read(folder.join("foreign.csr")).unwrap()
}

async fn submit(
    agent: &TestAgent,
    request_id: String,
    csr: Vec<u8>,
) -> Result<pb::SubmitCsrResponse, Failure> {
    let request = pb::SubmitCsrRequest {
        request_id,
        csr,
        roles: vec!["Default".into()],
        ..pb::SubmitCsrRequest::default()
    };
    Ok(agent.client.issuers().submit_csr(request).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_asks_for_more_than_a_key_is_refused_and_journalled() {
    let agent = TestAgent::standard_edition().await;
    for extension in [
        "basicConstraints=critical,CA:TRUE",
        "keyUsage=keyCertSign",
        "subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:administrator@contoso.com",
        "subjectAltName=email:administrator@contoso.com",
        "subjectAltName=URI:rolecall://fleet/operator/anna",
        "subjectAltName=IP:10.0.0.11",
        "subjectAltName=DNS:www.example.org",
        "subjectAltName=DNS:dc01.contoso.com",
    ] {
        let before = agent.journal().await.len();

        let refused = submit(&agent, request_id(), csr(&agent, &[extension])).await.unwrap_err();

        assert_eq!(refused.reason, Reason::CsrRefused, "{extension}: {refused}");
        let journal = agent.journal().await;
        let [entry] = &journal[before..] else { panic!("{extension}: {:?}", &journal[before..]) };
        let Some(Change::Refusal(refusal)) = &entry.change else { panic!("{entry:?}") };
        assert_eq!(refusal.reason, "CSR_REFUSED");
        assert_eq!(refusal.detail, refused.message);
        assert_eq!(entry.actor.as_ref().unwrap().uid, 0);
    }
    assert!(agent.kinds().await.iter().all(|kind| *kind != "ca-issued"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_is_refused() {
    let agent = TestAgent::standard_edition().await;
    let mut broken = csr(&agent, &[]);
    // The last octets are the signature.
    *broken.last_mut().unwrap() ^= 1;
    let trailing = [csr(&agent, &[]), vec![0]].concat();
    for bytes in [Vec::new(), b"-----BEGIN".to_vec(), broken, trailing] {
        let refused = submit(&agent, request_id(), bytes.clone()).await.unwrap_err();
        assert_eq!(refused.reason, Reason::CsrRefused, "{bytes:02x?}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_request_gets_the_names_of_the_topology_and_no_others() {
    let agent = TestAgent::standard_edition().await;
    let id = request_id();
    let bytes = csr(&agent, &["subjectAltName=DNS:se01.contoso.com"]);

    let first = submit(&agent, id.clone(), bytes.clone()).await.unwrap();

    let planned = pb::PlanOrderRequest { spec: Some(rolecall_tests::spec(&["Default"])) };
    let planned = agent.client.plans().plan_order(planned).await.unwrap().into_inner();
    let mut expected: Vec<_> =
        planned.plan.unwrap().names.into_iter().map(|name| name.name).collect();
    let (_, certificate) = X509Certificate::from_der(&first.certificates[0]).unwrap();
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    let mut names: Vec<_> = names
        .value
        .general_names
        .iter()
        .map(|name| {
            let GeneralName::DNSName(name) = name else { panic!("{name:?}") };
            (*name).to_owned()
        })
        .collect();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert!(!certificate.is_ca());

    let journal = agent.journal().await;
    let second = submit(&agent, id, bytes).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(agent.journal().await, journal);
    let seen = agent.look().await;
    assert!(seen.certificates.is_empty() && seen.orders.is_empty(), "its key is not here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_a_foreign_key_can_be_revoked() {
    let agent = TestAgent::standard_edition().await;
    let bytes = csr(&agent, &[]);
    let issued = submit(&agent, request_id(), bytes).await.unwrap();
    let thumbprint = Certificate::from_der(&issued.certificates[0]).unwrap().thumbprint();

    agent.ctl(&["--yes", "certificate", "revoke", &thumbprint.to_string()]).await.success();

    let revoke = pb::RevokeCertificateRequest {
        request_id: request_id(),
        certificate: thumbprint.to_string(),
        ..pb::RevokeCertificateRequest::default()
    };
    let journal = agent.journal().await;
    let again = agent.client.certificates().revoke_certificate(revoke).await.unwrap().into_inner();
    assert!(again.certificate.unwrap().revoked_at.is_some());
    assert_eq!(agent.journal().await, journal);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_of_another_foreign_request_is_refused() {
    let agent = TestAgent::standard_edition().await;
    let id = request_id();
    let first = csr(&agent, &[]);
    submit(&agent, id.clone(), first).await.unwrap();
    let journal = agent.journal().await;

    let other = csr(&agent, &[]);
    let refused = submit(&agent, id, other).await.unwrap_err();

    assert_eq!(refused.reason, Reason::RequestIdReused);
    assert_eq!(agent.journal().await, journal);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ca_that_waits_for_the_enterprise_signs_nothing() {
    let site = Site::standard_edition();
    let mut init = Command::new(program("rolecall-agent"));
    init.args(["ca", "init", "--subordinate", "--output"]).arg(site.path().join("ca.csr"));
    init.arg("--config").arg(site.config_file());
    run(&mut init).success();
    let agent = TestAgent::start(site).await;

    let refused = submit(&agent, request_id(), csr(&agent, &[])).await.unwrap_err();

    assert_eq!(refused.reason, Reason::CaMissing, "{refused}");
    assert!(refused.remedy.contains("rolecall-agent ca install"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_wait_and_no_more_until_one_is_decided() {
    let topology = crate::refusals::WITH_APPROVAL;
    let site = Site::with_grant("se01.contoso.com", topology, Grant::Administrator);
    let agent = TestAgent::start(site).await;
    let csr = csr(&agent, &[]);
    let submit = || {
        let (client, csr) = (agent.client.clone(), csr.clone());
        async move {
            let request = pb::SubmitCsrRequest {
                request_id: request_id(),
                csr,
                roles: vec!["Default".into()],
                template: "Checked".into(),
                ..pb::SubmitCsrRequest::default()
            };
            client.issuers().submit_csr(request).await.map_err(Failure::from)
        }
    };
    let mut submitted = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        submitted.spawn(submit());
    }
    while let Some(outcome) = submitted.join_next().await {
        outcome.unwrap().unwrap();
    }

    let refused = submit().await.unwrap_err();
    assert_eq!(refused.reason, Reason::CaQueueFull, "{refused}");
    let listed = pb::ListCaRequestsRequest { waiting_only: true };
    let listed = agent.client.issuers().list_ca_requests(listed).await.unwrap().into_inner();
    assert_eq!(listed.requests.len(), 1_000);

    let deny = |reason: String| pb::DenyCaRequestRequest {
        request_id: request_id(),
        ca_request_id: 1,
        reason,
        what_if: false,
    };
    let another = pb::issuer_service_client::IssuerServiceClient::new(
        rolecall_tests::channel_as(65_534, agent.site()).await,
    );
    let too_long = { another.clone() }.deny_ca_request(deny("x".repeat(1_001))).await;
    let too_long = Failure::from(too_long.unwrap_err());
    assert_eq!(too_long.reason, Reason::RequestInvalid, "{too_long}");
    assert_eq!(too_long.violations[0].field, "reason");
    { another }.deny_ca_request(deny("x".repeat(1_000))).await.unwrap();
    submit().await.unwrap();
}
