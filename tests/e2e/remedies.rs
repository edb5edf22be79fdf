//! What findings and refusals tell an administrator to type, and that typing it helps.

use std::time::Duration;

use rolecall::time::Timestamp;
use rolecall_tests::{Call, Seen, Site, TestAgent};

const DAY: Duration = Duration::from_secs(86_400);
const COMBINED: [&str; 3] = ["Default", "WebServicesInternal", "WebServicesExternal"];

fn start() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

/// Returns the remedy of a finding about a role.
fn remedy<'a>(seen: &'a Seen, role: &str, code: &str) -> Option<&'a str> {
    let finding = seen.role(role).findings.iter().find(|finding| finding.code == code);
    finding.map(|finding| finding.remedy.as_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_role_and_a_due_renewal_are_repaired_by_apply() {
    let agent = TestAgent::start_at(Site::standard_edition(), start()).await;
    let seen = agent.look().await;
    assert_eq!(remedy(&seen, "Default", "role-missing"), Some("rolecallctl apply"));
    agent.ctl(&["apply"]).await.success();
    let issued = agent.certificates().await.len();
    assert!(agent.ctl(&["apply"]).await.success().contains("Nothing to do"));

    agent.set_clock(start() + 300 * DAY);
    let seen = agent.look().await;
    let due = remedy(&seen, "Default", "renewal-due");
    let due = due.or_else(|| remedy(&seen, "Default", "renewal-overdue"));
    assert_eq!(due, Some("rolecallctl apply"));
    agent.ctl(&["apply"]).await.success();

    let seen = agent.look().await;
    assert_eq!(seen.certificates.len(), 2 * issued);
    assert_eq!(remedy(&seen, "Default", "renewal-overdue"), None);
    assert_eq!(remedy(&seen, "Default", "renewal-due"), None);
    assert!(agent.ctl(&["apply"]).await.success().contains("Nothing to do"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replacing_a_combined_certificate_names_every_role_that_shares_it() {
    let agent = TestAgent::standard_edition().await;
    let thumbprint = agent.obtain(&COMBINED).await;

    let refused = agent.ctl(&["--yes", "certificate", "revoke", &thumbprint]).await;

    assert_eq!(refused.code, Some(65), "{refused:?}");
    let successor =
        "rolecallctl request --role Default,WebServicesExternal,WebServicesInternal  # first";
    assert!(refused.stderr.contains(successor), "{refused:?}");
    agent.ctl(&["--yes", "certificate", "revoke", &thumbprint, "--force"]).await.success();
    let seen = agent.look().await;
    let revoked = remedy(&seen, "WebServicesInternal", "revoked");
    let successor = format!("rolecallctl request --role {}", COMBINED.join(","));
    assert_eq!(revoked, Some(successor.as_str()), "{:?}", seen.role("WebServicesInternal"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_whose_enrollment_was_removed_is_found_and_apply_enrolls_it_again() {
    let agent = TestAgent::standard_edition().await;
    agent.obtain(&COMBINED).await;
    agent.obtain(&["OAuthTokenIssuer"]).await;
    agent.ctl(&["--yes", "enrollment", "remove", "Default@se01.contoso.com"]).await.success();

    let seen = agent.look().await;
    for role in COMBINED {
        assert!(remedy(&seen, role, "unenrolled").unwrap().starts_with("rolecallctl apply"));
    }
    assert_eq!(remedy(&seen, "OAuthTokenIssuer", "unenrolled"), None);
    let planned = agent.ctl(&["apply", "--what-if"]).await.success();
    assert!(planned.contains("no enrollment renews it"), "{planned}");
    agent.ctl(&["apply"]).await.success();

    let seen = agent.look().await;
    assert_eq!(remedy(&seen, "Default", "unenrolled"), None);
    assert!(agent.ctl(&["apply"]).await.success().contains("Nothing to do"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_says_the_verdict_and_the_roles_it_is_for() {
    let agent = TestAgent::standard_edition().await;
    let thumbprint = agent.obtain(&["Default", "WebServicesInternal"]).await;

    let verified = agent.ctl(&["certificate", "verify", &thumbprint]).await;
    assert!(verified.stdout.contains(" for Default, WebServicesInternal.\n"), "{verified:?}");
    let verify = ["certificate", "verify", &thumbprint, "--role", "WebServicesExternal"];
    let refused = agent.ctl(&verify).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stdout.contains("Refused for WebServicesExternal.\n"), "{refused:?}");
    let refused = agent.ctl(&[&verify[..], &["-o", "json"]].concat()).await.json();
    assert_eq!(refused["verdict"], "refused");
    assert_eq!(refused["verified_for"][0], "WebServicesExternal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_names_the_enrollments_it_takes_roles_from_as_they_are_called_now() {
    let agent = TestAgent::standard_edition().await;
    agent.obtain(&COMBINED).await;

    let planned = agent.ctl(&["request", "--role", "Default", "--what-if"]).await.success();

    let taken = "Enrollments that this one takes roles from: Default@se01.contoso.com\n";
    assert!(planned.contains(taken), "{planned}");
}
