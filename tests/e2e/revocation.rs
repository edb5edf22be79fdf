//! Revoking and removing: what relying parties see, and what remains.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::reason::Reason;
use rolecall_tests::{Call, TestAgent, request_id, run};
use x509_parser::prelude::{CertificateRevocationList, FromDer};

/// Fetches the list from the address that the agent's certificates name.
async fn fetch_crl(agent: &TestAgent) -> Vec<u8> {
    try_fetch_crl(agent).await.unwrap()
}

/// Fetches the list, or returns the head of another answer.
async fn try_fetch_crl(agent: &TestAgent) -> Result<Vec<u8>, String> {
    let certificate = agent.certificates().await.remove(0);
    let url = certificate.facts.unwrap().crl_distribution_points.remove(0);
    tokio::task::block_in_place(|| {
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(format!("{url}: {head}"));
        }
        assert!(head.to_lowercase().contains("content-type: application/pkix-crl"), "{head}");
        Ok(answer.split_off(end + 4))
    })
}

/// Returns the list's number and the serial numbers on it, in capitals.
fn read_crl(der: &[u8]) -> (u64, Vec<String>) {
    let (rest, list) = CertificateRevocationList::from_der(der).unwrap();
    assert!(rest.is_empty());
    let number = list.crl_number().unwrap().iter_u64_digits().next().unwrap();
    let serials = list
        .iter_revoked_certificates()
        .map(|revoked| revoked.raw_serial_as_string().replace(':', "").to_uppercase())
        .map(|serial| serial.trim_start_matches("00").to_owned())
        .collect();
    (number, serials)
}

async fn revoke(
    agent: &TestAgent,
    certificate: &str,
    force: bool,
) -> Result<pb::RevokeCertificateResponse, Failure> {
    let request = pb::RevokeCertificateRequest {
        request_id: request_id(),
        certificate: certificate.to_owned(),
        reason: "keyCompromise".into(),
        force,
        what_if: false,
    };
    Ok(agent.client.certificates().revoke_certificate(request).await?.into_inner())
}

async fn remove(
    agent: &TestAgent,
    certificate: &str,
) -> Result<pb::RemoveCertificateResponse, Failure> {
    let request = pb::RemoveCertificateRequest {
        request_id: request_id(),
        certificate: certificate.to_owned(),
        what_if: false,
    };
    Ok(agent.client.certificates().remove_certificate(request).await?.into_inner())
}

/// Asks OpenSSL whether the first certificate holds, by what the agent publishes.
async fn verify(agent: &TestAgent, thumbprint: &str) -> rolecall_tests::Output {
    let folder = agent.site().path();
    let root = agent.ctl(&["issuer", "show", "embedded", "--pem", "root"]).await.success();
    let chain = agent.ctl(&["certificate", "show", thumbprint, "--pem", "--chain"]).await.success();
    agent.site().write("root.pem", &root);
    agent.site().write("chain.pem", &chain);
    let list = folder.join("list.der");
    if list.exists() {
        std::fs::remove_file(&list).unwrap();
    }
    std::fs::File::create(folder.join("list.der"))
        .unwrap()
        .write_all(&fetch_crl(agent).await)
        .unwrap();
    let mut convert = Command::new("openssl");
    convert.args(["crl", "-inform", "DER", "-in"]).arg(folder.join("list.der"));
    run(convert.arg("-out").arg(folder.join("list.pem"))).success();
    let mut openssl = Command::new("openssl");
    openssl.args(["verify", "-crl_check", "-CAfile"]).arg(folder.join("root.pem"));
    openssl.arg("-untrusted").arg(folder.join("chain.pem"));
    openssl.arg("-CRLfile").arg(folder.join("list.pem")).arg(folder.join("chain.pem"));
    run(&mut openssl)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_certificate_is_on_the_list_that_certificates_name() {
    let agent = TestAgent::standard_edition().await;
    let thumbprint = agent.obtain(&["Default"]).await;
    let serial = agent.certificates().await[0].facts.clone().unwrap().serial_number;
    let (before, serials) = read_crl(&fetch_crl(&agent).await);
    assert!(serials.is_empty(), "{serials:?}");
    verify(&agent, &thumbprint).await.success();

    let answer = revoke(&agent, &thumbprint, true).await.unwrap();

    let (after, serials) = read_crl(&fetch_crl(&agent).await);
    assert_eq!((after, serials), (answer.crl_number, vec![serial]));
    assert!(after > before, "{after} follows {before}");
    let refused = verify(&agent, &thumbprint).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("certificate revoked"), "{refused:?}");
    let seen = agent.look().await;
    let codes: Vec<_> =
        seen.role("Default").findings.iter().map(|finding| finding.code.as_str()).collect();
    assert!(codes.contains(&"revoked"), "{codes:?}");
    let certificate = agent.certificates().await.remove(0);
    assert_eq!(certificate.revocation_reason, "keyCompromise");

    // Once more changes nothing, and a restart forgets nothing.
    let journal = agent.journal().await;
    let again = revoke(&agent, &thumbprint, true).await.unwrap();
    assert_eq!(again.crl_number, after);
    assert_eq!(agent.journal().await, journal);
    let agent = TestAgent::start(agent.stop().await).await;
    let published = rolecall_tests::eventually("the list is published", || async {
        let (number, serials) = read_crl(&try_fetch_crl(&agent).await?);
        Ok((number, serials.len()))
    });
    let (number, revoked) = published.await;
    assert!(number > after && revoked == 1, "{number} {revoked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_serves_a_role_is_revoked_only_by_force() {
    let agent = TestAgent::standard_edition().await;
    let thumbprint = agent.obtain(&["Default"]).await;
    let journal = agent.journal().await;

    let refused = revoke(&agent, &thumbprint, false).await.unwrap_err();

    assert_eq!(refused.reason, Reason::CertificateInUse);
    assert_eq!(refused.message, format!("{thumbprint} serves Default"));
    assert_eq!(agent.journal().await, journal);
    let next = agent.obtain(&["Default"]).await;
    revoke(&agent, &thumbprint, false).await.unwrap();
    assert_ne!(next, thumbprint);
}

/// The deadline passes while the revocation is made durable, or before; the list follows either way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_is_published_although_its_caller_went_away() {
    let agent = TestAgent::standard_edition().await;
    let thumbprint = agent.obtain(&["Default"]).await;
    let serial = agent.certificates().await[0].facts.clone().unwrap().serial_number;
    for patience in [500, 1_000, 2_000, 4_000, 8_000, 60_000_000] {
        let mut request = tonic::Request::new(pb::RevokeCertificateRequest {
            request_id: request_id(),
            certificate: thumbprint.clone(),
            reason: "keyCompromise".into(),
            force: true,
            what_if: false,
        });
        request.set_timeout(std::time::Duration::from_micros(patience));
        drop(agent.client.certificates().revoke_certificate(request).await);
        if agent.certificates().await[0].revoked_at.is_some() {
            break;
        }
    }

    let listed = rolecall_tests::eventually("the list names it", || async {
        let (_, serials) = read_crl(&try_fetch_crl(&agent).await?);
        if serials.contains(&serial) { Ok(()) } else { Err(format!("{serials:?}")) }
    });
    listed.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_was_removed_is_still_revoked() {
    let agent = TestAgent::standard_edition().await;
    let thumbprint = agent.obtain(&["Default"]).await;
    let serial = agent.certificates().await[0].facts.clone().unwrap().serial_number;
    agent.obtain(&["Default"]).await;
    agent.ctl(&["unassign", "--role", "Default", "--previous"]).await.success();
    remove(&agent, &thumbprint).await.unwrap();

    let answer = revoke(&agent, &thumbprint, false).await.unwrap();

    let (number, serials) = read_crl(&fetch_crl(&agent).await);
    assert_eq!((number, serials), (answer.crl_number, vec![serial]));
    let journal = agent.journal().await;
    assert_eq!(revoke(&agent, &thumbprint, false).await.unwrap(), answer);
    assert_eq!(agent.journal().await, journal);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reason_of_no_standard_is_refused() {
    let agent = TestAgent::standard_edition().await;
    let thumbprint = agent.obtain(&["Default"]).await;
    let request = pb::RevokeCertificateRequest {
        request_id: request_id(),
        certificate: thumbprint,
        reason: "boredom".into(),
        force: true,
        what_if: false,
    };
    let refused =
        Failure::from(agent.client.certificates().revoke_certificate(request).await.unwrap_err());
    assert_eq!(refused.reason, Reason::RequestInvalid);
    assert!(refused.message.contains("boredom"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_several_roles_use_is_kept_with_every_command_that_frees_it() {
    let agent = TestAgent::standard_edition().await;
    let shared = agent.obtain(&["Default", "WebServicesInternal"]).await;
    let refused = remove(&agent, &shared).await.unwrap_err();
    let commands: Vec<&str> = refused.remedy.lines().collect();
    let expected = ["Default", "WebServicesInternal"]
        .map(|role| format!("rolecallctl unassign --role {role}"));
    assert_eq!(commands, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_removed_with_its_key_once_no_role_refers_to_it() {
    let agent = TestAgent::standard_edition().await;
    let old = agent.obtain(&["Default"]).await;
    let key = agent.certificates().await.remove(0).key_id;
    let assigned = remove(&agent, &old).await.unwrap_err();
    assert_eq!(assigned.reason, Reason::CertificateInUse);
    assert!(assigned.message.contains("Default (current)"), "{assigned}");
    assert_eq!(assigned.remedy, "rolecallctl unassign --role Default");

    let new = agent.obtain(&["Default"]).await;
    let previous = remove(&agent, &old).await.unwrap_err();
    assert_eq!(previous.reason, Reason::CertificateInUse);
    assert_eq!(previous.remedy, "rolecallctl unassign --role Default --previous");
    agent.ctl(&["unassign", "--role", "Default", "--previous"]).await.success();
    assert!(agent.has_key(&key));
    agent.ctl(&["--yes", "certificate", "remove", &old]).await.success();

    assert!(!agent.has_key(&key));
    let seen = agent.look().await;
    assert_eq!(seen.certificates.len(), 1);
    assert_eq!(seen.role("Default").state, "assigned");
    let unknown = remove(&agent, &old).await.unwrap_err();
    assert_eq!(unknown.reason, Reason::CertificateUnknown);

    // Unassigning takes the role away and nothing else.
    agent.ctl(&["unassign", "--role", "Default"]).await.success();
    let seen = agent.look().await;
    assert_eq!(seen.role("Default").state, "missing");
    assert_eq!(seen.certificates.len(), 1);
    assert!(agent.has_key(&seen.certificates[0].key_id));
    agent.ctl(&["assign", &new, "--role", "Default"]).await.success();
    assert_eq!(agent.look().await.role("Default").state, "assigned");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_whose_answer_was_lost_is_repeated_and_a_foreign_request_id_removes_nothing() {
    let agent = TestAgent::standard_edition().await;
    let old = agent.obtain(&["Default"]).await;
    let order = agent.look().await.orders.remove(0);
    agent.ctl(&["unassign", "--role", "Default"]).await.success();
    let removal = |request_id: &str, certificate: &str| pb::RemoveCertificateRequest {
        request_id: request_id.to_owned(),
        certificate: certificate.to_owned(),
        what_if: false,
    };
    let mut certificates = agent.client.certificates();
    certificates.remove_certificate(removal("removal-1", &old)).await.unwrap();
    let journal = agent.journal().await;

    certificates.remove_certificate(removal("removal-1", &old)).await.unwrap();
    let foreign = certificates.remove_certificate(removal(&order.request_id, &old)).await;

    assert_eq!(Failure::from(foreign.unwrap_err()).reason, Reason::CertificateUnknown);
    assert_eq!(agent.journal().await, journal);
}
