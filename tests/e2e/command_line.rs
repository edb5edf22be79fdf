//! `rolecallctl` as scripts see it: streams, exit statuses, and what each format holds.

use std::process::{Command, Stdio};

use rolecall_tests::{AgentProcess, Call, Site, TestAgent, ctl, program, until};
use serde_json::Value;

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_as_json_has_the_keys_of_its_schema() {
    let agent = TestAgent::standard_edition().await;
    let missing = agent.ctl(&["status", "-o", "json"]).await;
    assert_eq!(missing.code, Some(1), "roles without certificates are findings");
    agent.ctl(&["apply"]).await.success();

    let status = agent.ctl(&["status", "-o", "json"]).await.json();

    assert_eq!(status["schema"], "rolecall/status/v1");
    assert_eq!(keys(&status), ["as_of", "schema", "servers"]);
    let server = &status["servers"][0];
    let least = ["as_of", "pool", "roles", "server"];
    assert!(least.iter().all(|key| keys(server).contains(key)), "{server}");
    assert_eq!(server["server"], "se01.contoso.com");
    assert_eq!(server["roles"].as_array().unwrap().len(), 4);
    for role in server["roles"]
        .as_array()
        .unwrap()
        .iter()
        .chain(missing.json()["servers"][0]["roles"].as_array().unwrap())
    {
        let least = [
            "deployment",
            "findings",
            "generation",
            "issuer",
            "issuer_dn",
            "next_effective",
            "not_after",
            "not_before",
            "renewal_due",
            "role",
            "served_thumbprint",
            "slot",
            "state",
            "thumbprint",
        ];
        assert!(least.iter().all(|key| keys(role).contains(key)), "{role}");
        assert_eq!((&role["deployment"], &role["served_thumbprint"]), (&Value::Null, &Value::Null));
    }
    let finding = &missing.json()["servers"][0]["roles"][0]["findings"][0];
    let least = ["code", "evidence", "remedy", "severity"];
    assert!(least.iter().all(|key| keys(finding).contains(key)), "{finding}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_prints_the_thumbprint_and_nothing_else() {
    let agent = TestAgent::standard_edition().await;

    let output = agent.ctl(&["request", "--role", "Default"]).await;

    assert_eq!(output.code, Some(0), "{output:?}");
    let certificate = agent.certificates().await.remove(0);
    let thumbprint: String =
        certificate.thumbprint.iter().map(|octet| format!("{octet:02X}")).collect();
    assert_eq!(output.stdout, format!("{thumbprint}\n"));
    assert!(output.stderr.contains("se01.contoso.com over "), "{output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_what_if_leaves_a_trace() {
    let agent = TestAgent::standard_edition().await;
    let old = agent.obtain(&["Default"]).await;
    let new = agent.obtain(&["Default"]).await;
    agent.ctl(&["unassign", "--role", "Default", "--previous"]).await.success();
    let (before, journal) = (agent.look().await, agent.journal().await);

    for change in [
        ["apply"].as_slice(),
        &["request", "--role", "OAuthTokenIssuer"],
        &["assign", &old, "--role", "Default"],
        &["assign", &old, "--role", "Default", "--effective", "+1d"],
        &["unassign", "--role", "Default"],
        &["enrollment", "set", "Default@se01.contoso.com", "--key-algorithm", "rsa-3072"],
        &["enrollment", "remove", "Default@se01.contoso.com"],
        &["certificate", "revoke", &new, "--force"],
        &["certificate", "remove", &old],
        &["finding", "accept", "root-key-online", "--until", "+1d", "--reason", "lab"],
    ] {
        let output = agent.ctl(&[change, &["--what-if"]].concat()).await;
        assert_eq!(output.code, Some(0), "{change:?}: {output:?}");
        assert!(!output.stdout.is_empty(), "{change:?} says nothing");
        assert_eq!(agent.journal().await, journal, "{change:?}");
    }

    let after = agent.look().await;
    assert_eq!((after.orders, after.assignments), (before.orders, before.assignments));
    assert_eq!(after.certificates, before.certificates);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_has_its_exit_status_its_reason_and_what_to_do() {
    let agent = TestAgent::standard_edition().await;
    for (args, code, reason) in [
        (["request", "--role", "Defualt"].as_slice(), 66, "(ROLE_UNKNOWN)"),
        (&["request", "--role", "Internal"], 65, "(ROLE_NOT_NEEDED)"),
        (&["request", "--role", "Default", "--key-algorithm", "rsa-1024"], 64, "(REQUEST_INVALID)"),
        (&["certificate", "show", "0123456789"], 66, "(CERTIFICATE_UNKNOWN)"),
        (&["order", "show", "7"], 66, "(ORDER_UNKNOWN)"),
    ] {
        let output = agent.ctl(args).await;
        assert_eq!(output.code, Some(code), "{args:?}: {output:?}");
        let lines: Vec<&str> = output.stderr.lines().collect();
        let said = lines.iter().position(|line| line.starts_with("rolecallctl: "));
        let said = said.unwrap_or_else(|| panic!("{args:?}: {output:?}"));
        assert!(lines[said].ends_with(reason), "{args:?}: {output:?}");
        assert!(lines.len() > said + 1, "{args:?} says what to do: {output:?}");
        assert!(output.stdout.is_empty(), "{args:?}: {output:?}");
    }
}

#[test]
fn an_agent_that_is_not_there_is_69_and_a_wrong_command_line_64() {
    let nowhere = ctl(["--socket", "/nonexistent/agent.sock", "status"]);
    assert_eq!(nowhere.code, Some(69), "{nowhere:?}");
    assert!(nowhere.stderr.contains("(AGENT_UNREACHABLE)"), "{nowhere:?}");
    assert!(nowhere.stderr.contains("does not exist"), "{nowhere:?}");
    let wrong = ctl(["statu"]);
    assert_eq!(wrong.code, Some(64), "{wrong:?}");
    assert!(wrong.stderr.contains("status"), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listing_for_a_role_has_usable_certificates_first_and_the_others_with_a_reason() {
    let agent = TestAgent::standard_edition().await;
    let web = agent.obtain(&["WebServicesInternal", "WebServicesExternal"]).await;
    let oauth = agent.obtain(&["OAuthTokenIssuer"]).await;

    let listed = agent.ctl(&["certificate", "list", "--for", "WebServicesExternal", "-o", "json"]);
    let listed = listed.await.json().to_string();
    let shown = agent.ctl(&["certificate", "list", "--for", "WebServicesExternal", "-o", "wide"]);
    let shown = shown.await.success();

    for text in [listed, shown] {
        let (first, second) = (text.find(&web).unwrap(), text.find(&oauth).unwrap());
        assert!(first < second, "{text}");
        assert!(text.contains("names-missing"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_is_a_page_and_never_replaces_a_file() {
    let agent = TestAgent::standard_edition().await;
    agent.obtain(&["Default"]).await;
    let page = agent.site().path().join("order-1.html");
    let path = page.to_str().unwrap();

    agent.ctl(&["log", "--order", "1", "--report", path]).await.success();

    let text = std::fs::read_to_string(&page).unwrap();
    assert!(text.starts_with("<!DOCTYPE html>") || text.starts_with("<!doctype html>"), "{text}");
    for expected in ["se01.contoso.com", "Default", "</html>"] {
        assert!(text.contains(expected), "the page lacks {expected}");
    }
    let again = agent.ctl(&["log", "--order", "1", "--report", path]).await;
    assert_eq!(again.code, Some(65), "{again:?}");
    assert_eq!(std::fs::read_to_string(&page).unwrap(), text);
    agent.ctl(&["log", "--order", "1", "--report", path, "--force"]).await.success();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_is_verified_and_filtered() {
    let agent = TestAgent::standard_edition().await;
    agent.ctl(&["apply"]).await.success();

    let verified = agent.ctl(&["log", "--verify", "-o", "json"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let placed = agent.ctl(&["log", "--kind", "order-placed", "-o", "json"]).await.json();
    let all = placed.to_string();
    assert_eq!(all.matches("order-placed").count(), 2, "{all}");
    let last = agent.ctl(&["log", "--last", "1", "-o", "json"]).await;
    assert_eq!(last.code, Some(0), "{last:?}");
}

#[test]
fn following_the_journal_ends_when_the_agent_stops() {
    let agent = AgentProcess::start(Site::standard_edition());
    let mut follower = Command::new(program("rolecallctl"))
        .arg("--socket")
        .arg(agent.site().socket())
        .args(["log", "--follow", "-o", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    // It has begun to follow once it has shown something.
    std::io::Read::read_exact(follower.stdout.as_mut().unwrap(), &mut first).unwrap();

    let (_site, status) = agent.stop();

    assert_eq!(status.code(), Some(0));
    let ended = until("the follower ends", || {
        follower.try_wait().unwrap().ok_or_else(|| "it goes on".to_owned())
    });
    assert!(matches!(ended.code(), Some(0 | 69 | 75)), "{ended}");
}

#[test]
fn completion_manual_and_help_need_no_agent() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(ctl(["completion", shell]).success().contains("rolecallctl"), "{shell}");
    }
    assert!(ctl(["man"]).success().contains(".TH rolecallctl"));
    for args in [["--help"].as_slice(), &["request", "--help"], &["log", "--help"]] {
        let help = ctl(args).success();
        assert!(help.contains("Examples:\n  rolecallctl "), "{help}");
    }
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples");
    let sound = examples.join("edge-pool.toml");
    ctl(["topology".as_ref(), "check".as_ref(), sound.as_os_str()]).success();
}
