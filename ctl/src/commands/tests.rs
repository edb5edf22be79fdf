use std::io::Write as _;
use std::path::Path;

use rolecall::api::pb;
use rolecall::api::pb::order_state::{self, State};
use rolecall::api::status::Failure;
use rolecall::reason::Reason;

use crate::console::Console;
use crate::fake::{Agent, Placing, Ran, Script, Watched, run_on};
use crate::output::testing::moment;

const THUMBPRINT: &str = "5D5D5D5D5D5D5D5D5D5D5D5D5D5D5D5D5D5D5D5D";

fn done() -> State {
    State::Done(order_state::Done { fingerprint: vec![0xf1; 32], thumbprint: vec![0x5d; 20] })
}

fn order() -> pb::Order {
    pb::Order {
        id: 7,
        roles: vec!["Default".into()],
        goal: pb::Goal::Assign.into(),
        issuer: "embedded".into(),
        friendly_name: "Default se01 2026-11-24".into(),
        state: Some(pb::OrderState { state: Some(State::KeyReady(order_state::KeyReady {})) }),
        ..pb::Order::default()
    }
}

fn plan() -> pb::PlanOrderResponse {
    pb::PlanOrderResponse {
        plan: Some(pb::Plan {
            names: vec![pb::PlannedName {
                name: "sip.contoso.com".into(),
                why: "SIP domain contoso.com".into(),
            }],
            notes: vec!["the primary SIP domain is preselected".into()],
            findings: vec![warning()],
            ..pb::Plan::default()
        }),
        open_order_ids: vec![6],
    }
}

fn warning() -> pb::Finding {
    pb::Finding {
        code: "crl-missing".into(),
        severity: pb::Severity::Warning.into(),
        evidence: "no CRL distribution point".into(),
        remedy: "rolecallctl issuer show embedded".into(),
        ..pb::Finding::default()
    }
}

fn script(watches: Vec<Vec<State>>) -> Script {
    let watches = watches
        .into_iter()
        .map(|states| states.into_iter().map(Watched::State).collect())
        .collect();
    Script { plan: plan(), order: order(), watches, ..Script::default() }
}

fn request(states: Vec<State>) -> Ran {
    Agent::start(script(vec![states])).run(&["request", "--role", "Default"])
}

#[test]
fn a_request_shows_its_plan_and_progress_and_prints_the_thumbprint_alone() {
    let ran = request(vec![
        State::Submitting(order_state::Submitting { attempt: 1 }),
        State::Issued(order_state::Issued { fingerprint: vec![0xf1; 32] }),
        done(),
    ]);
    assert_eq!(ran.out, format!("{THUMBPRINT}\n"));
    assert_eq!(ran.status, 0);
    assert_eq!(
        ran.err,
        "\
se01.contoso.com over SOCKET
Client EKU  no
NAME             WHY
sip.contoso.com  SIP domain contoso.com
Open orders for these roles: 6
note: the primary SIP domain is preselected
warning crl-missing: no CRL distribution point
  > rolecallctl issuer show embedded
order 7: submitting to the issuer
order 7: issued
order 7: done
order 7 is done: \"Default se01 2026-11-24\" assigned to Default
"
    );
}

#[test]
fn a_request_for_programs_prints_the_order_and_no_plan() {
    let agent = Agent::start(script(vec![vec![done()]]));
    let ran = agent.run(&["request", "--role", "Default", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["schema"], "rolecall/order/v1");
    assert_eq!(json["state"]["thumbprint"], THUMBPRINT);
    assert_eq!(ran.err, "order 7: done\n");
}

#[test]
fn a_request_for_programs_prints_the_order_even_when_it_waits() {
    let waiting = State::Submitted(order_state::Submitted {
        ca_request_id: "12".into(),
        waiting_for: "approval".into(),
        ask_again_at: None,
    });
    let agent = Agent::start(script(vec![vec![waiting]]));
    let ran = agent.run(&["request", "--role", "Default", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(ran.status, 75);
    assert_eq!(json["state"]["name"], "submitted");
    assert_eq!(json["state"]["ca_request_id"], "12");
}

#[test]
fn what_if_places_nothing() {
    let agent = Agent::start(script(vec![]));
    let ran = agent.run(&["request", "--role", "Default", "--what-if"]);
    assert!(ran.out.contains("sip.contoso.com  SIP domain contoso.com"), "{}", ran.out);
    assert_eq!((ran.status, agent.calls()), (0, Vec::new()));
}

#[test]
fn no_wait_prints_the_orders_number_and_how_to_follow_it() {
    let agent = Agent::start(script(vec![]));
    let ran = agent.run(&["request", "--role", "Default", "--no-wait"]);
    assert_eq!((ran.status, ran.out.as_str()), (0, "7\n"));
    assert!(ran.err.ends_with("  to follow it: rolecallctl order show 7 --wait\n"), "{}", ran.err);
}

#[test]
fn a_lost_answer_is_asked_for_once_more_with_the_same_request_id() {
    let agent = Agent::start(Script {
        place: [Placing::Lost, Placing::Placed].into(),
        ..script(vec![vec![done()]])
    });
    let ran = agent.run(&["request", "--role", "Default", "--request-id", "mine"]);
    assert_eq!((ran.status, ran.out), (0, format!("{THUMBPRINT}\n")));
    assert_eq!(agent.calls(), ["place_order mine", "place_order mine", "watch_order"]);
}

#[test]
fn an_answer_lost_twice_is_reported() {
    let agent =
        Agent::start(Script { place: [Placing::Lost, Placing::Lost].into(), ..script(vec![]) });
    let ran = agent.run(&["request", "--role", "Default"]);
    assert_eq!(ran.status, 69);
    assert_eq!(agent.calls().len(), 2);
    assert!(ran.err.contains("(AGENT_UNREACHABLE)"), "{}", ran.err);
}

#[test]
fn a_watch_that_breaks_is_taken_up_again() {
    let mut broken = script(vec![vec![], vec![done()]]);
    broken.watches[0].push(Watched::Lost);
    let ran = Agent::start(broken).run(&["request", "--role", "Default"]);
    assert_eq!((ran.status, ran.out), (0, format!("{THUMBPRINT}\n")));
}

#[test]
fn a_watch_that_breaks_again_says_that_the_order_stands() {
    let mut broken = script(vec![vec![], vec![]]);
    broken.watches[0].push(Watched::Lost);
    broken.watches[1].push(Watched::Lost);
    let ran = Agent::start(broken).run(&["request", "--role", "Default"]);
    assert_eq!(ran.status, 75);
    assert!(ran.err.contains("the order stands; follow it: rolecallctl order show 7 --wait"));
}

#[test]
fn an_order_that_waits_for_approval_names_the_command_of_the_approver() {
    let ran = request(vec![State::Submitted(order_state::Submitted {
        ca_request_id: "12".into(),
        waiting_for: "approval".into(),
        ask_again_at: None,
    })]);
    assert_eq!((ran.status, ran.out.as_str()), (75, ""));
    assert!(
        ran.err.ends_with(
            "\
rolecallctl: order 7 is pending at the issuer as request 12, waiting for approval (ORDER_WAITING)
  for whoever approves: rolecallctl issuer approve 12
  to follow it: rolecallctl order show 7 --wait
"
        ),
        "{}",
        ran.err
    );
}

#[test]
fn a_denied_order_names_the_denier() {
    let ran = request(vec![State::Denied(order_state::Denied {
        denied_by: "alice".into(),
        reason: "wrong pool".into(),
    })]);
    assert_eq!(ran.status, 65);
    assert!(
        ran.err.contains("rolecallctl: order 7 is denied by alice: wrong pool (ORDER_DENIED)\n"),
        "{}",
        ran.err
    );
}

#[test]
fn a_refused_order_shows_each_finding_with_its_remedy() {
    let ran = request(vec![State::Refused(order_state::Refused { findings: vec![warning()] })]);
    assert_eq!(ran.status, 65);
    assert!(
        ran.err.ends_with(
            "\
rolecallctl: order 7 is refused: crl-missing (ORDER_REFUSED)
  warning crl-missing: no CRL distribution point
  > rolecallctl issuer show embedded
"
        ),
        "{}",
        ran.err
    );
}

#[test]
fn a_failed_order_says_when_the_agent_tries_again() {
    let ran = request(vec![State::Failed(order_state::Failed {
        error: "connection refused".into(),
        attempt: 1,
        retry_at: moment("2026-11-24T12:05:00Z"),
        failing_since: None,
    })]);
    assert_eq!(ran.status, 75);
    assert!(
        ran.err.contains(
            "order 7 failed: connection refused; attempt 2 at 2026-11-24T12:05:00Z (ORDER_FAILED)"
        ),
        "{}",
        ran.err
    );
}

#[test]
fn a_certificate_that_is_installed_but_not_valid_is_not_a_success() {
    let ran = request(vec![State::Installed(order_state::Installed {
        fingerprint: vec![0xf1; 32],
        waiting_for: vec![warning()],
    })]);
    assert_eq!((ran.status, ran.out.as_str()), (75, ""));
    assert!(ran.err.contains("installed, assignment waiting for: crl-missing"), "{}", ran.err);
}

#[test]
fn a_request_beside_an_open_order_shows_that_order() {
    let open = Failure::new(Reason::OrderOpen, "order 6 for Default has not settled")
        .with_remedy("give --beside-open to place another");
    let agent = Agent::start(Script { place: [Placing::Refused(open)].into(), ..script(vec![]) });
    let ran = agent.run(&["request", "--role", "Default"]);
    assert_eq!(ran.status, 65);
    assert!(ran.err.contains("\nOpen already:\nOrder"), "{}", ran.err);
    assert!(
        ran.err.ends_with(
            "\
rolecallctl: order 6 for Default has not settled (ORDER_OPEN)
  give --beside-open to place another
"
        ),
        "{}",
        ran.err
    );
}

fn two_steps() -> Script {
    let step = |role: &str, open_order_id| pb::ApplyStep {
        spec: Some(pb::OrderSpec { roles: vec![role.into()], ..pb::OrderSpec::default() }),
        why: "missing".into(),
        open_order_id,
        plan: None,
    };
    Script {
        apply: pb::PlanApplyResponse {
            server: "se01.contoso.com".into(),
            steps: vec![step("Default", 0), step("OAuthTokenIssuer", 0)],
        },
        ..script(vec![vec![done()], vec![done()]])
    }
}

#[test]
fn apply_places_every_order_under_its_own_request_id_then_follows_each() {
    let agent = Agent::start(two_steps());
    let ran = agent.run(&["apply"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let seed = "07".repeat(16);
    assert_eq!(
        agent.calls(),
        [
            format!("place_order {seed}-1"),
            format!("place_order {seed}-2"),
            "watch_order".to_owned(),
            "watch_order".to_owned(),
        ]
    );
}

#[test]
fn one_refused_step_of_apply_does_not_keep_the_others_from_their_goal() {
    let refused = Failure::new(Reason::PlanRefused, "the key is too small");
    let agent = Agent::start(Script {
        place: [Placing::Refused(refused), Placing::Placed].into(),
        ..two_steps()
    });
    let ran = agent.run(&["apply"]);
    assert_eq!(ran.status, 65);
    assert!(ran.out.contains("done"), "{}", ran.out);
    assert!(ran.err.contains("rolecallctl: the key is too small (PLAN_REFUSED)"), "{}", ran.err);
}

#[test]
fn apply_follows_an_order_that_is_open_and_ends_with_75_when_it_waits() {
    let waits = |args: &[&str]| {
        let mut steps = two_steps();
        steps.apply.steps.remove(0);
        steps.apply.steps[0].open_order_id = 7;
        steps.apply.steps[0].why = "it waits for an approval".into();
        let submitted = State::Submitted(order_state::Submitted {
            ca_request_id: "3".into(),
            waiting_for: "an approval".into(),
            ask_again_at: None,
        });
        steps.order.state = Some(pb::OrderState { state: Some(submitted.clone()) });
        let agent =
            Agent::start(Script { watches: [vec![Watched::State(submitted)]].into(), ..steps });
        let ran = agent.run(args);
        assert!(!agent.calls().iter().any(|call| call.starts_with("place")), "{:?}", agent.calls());
        ran
    };
    for args in [&["apply"][..], &["apply", "--no-wait"]] {
        let ran = waits(args);
        assert_eq!(ran.status, 75, "{ran:?}");
        let step = "OAuthTokenIssuer: it waits for an approval (order 7 is open and will do it)\n";
        assert!(ran.err.contains(step), "{}", ran.err);
        assert!(ran.err.contains("(ORDER_WAITING)"), "{}", ran.err);
        assert!(ran.err.contains("rolecallctl issuer approve 3"), "{}", ran.err);
    }
    let ran = waits(&["apply", "--what-if"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.out.contains("Order 7 is open and will do it."), "{}", ran.out);
}

#[test]
fn apply_with_nothing_to_do_says_so_and_changes_nothing() {
    let agent = Agent::start(Script::default());
    let ran = agent.run(&["apply"]);
    assert_eq!(ran.status, 0);
    assert!(
        ran.out.ends_with(
            "Nothing to do: every role has the certificate that the topology asks for.\n"
        )
    );
    assert_eq!(agent.calls(), Vec::<String>::new());
}

#[test]
fn a_missing_agent_is_explained_with_what_to_do() {
    let ran = run_on(Path::new("/nonexistent/agent.sock"), &["status"], Console::captured());
    assert_eq!(ran.status, 69);
    assert!(ran.err.starts_with("rolecallctl: no agent answers on SOCKET"), "{}", ran.err);
    assert!(ran.err.contains("(AGENT_UNREACHABLE)\n  SOCKET does not exist; is the agent running? systemctl status rolecall-agent\n"), "{}", ran.err);
}

#[test]
fn a_socket_nobody_listens_on_is_told_from_one_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let ran = run_on(&socket, &["status"], Console::captured());
    assert!(ran.err.contains("SOCKET exists but nobody listens"), "{}", ran.err);
}

#[test]
fn what_cannot_be_undone_is_asked_first() {
    let certificate = pb::Certificate {
        thumbprint: vec![0x5d; 20],
        friendly_name: "old".into(),
        ..pb::Certificate::default()
    };
    let agent = Agent::start(Script {
        certificates: vec![pb::CertificateRow {
            certificate: Some(certificate),
            ..pb::CertificateRow::default()
        }],
        ..script(vec![])
    });
    let remove = ["certificate", "remove", "5D5D"];
    let ran = agent.run(&remove);
    assert_eq!(ran.status, 64);
    assert!(ran.err.contains("(CONFIRMATION_NEEDED)\n  give --yes"), "{}", ran.err);
    let ran = agent.run_answering(&remove, "no\n");
    assert_eq!(ran.status, 65);
    assert!(ran.err.starts_with(&format!("Remove {THUMBPRINT} \"old\" and its key? [y/N] ")));
    assert_eq!(agent.calls(), Vec::<String>::new());
    let removed = agent.run_answering(&remove, "yes\n");
    assert_eq!(removed.status, 0);
    let sentence = format!("Removed {THUMBPRINT} \"old\" and its key.\n");
    assert!(removed.out.ends_with(&sentence), "{}", removed.out);
    assert_eq!(removed.out.lines().count(), 2, "the target and one sentence: {}", removed.out);
    assert_eq!(agent.run(&[&remove[..], &["--yes"]].concat()).status, 0);
    assert_eq!(agent.calls(), ["remove_certificate", "remove_certificate"]);
}

#[test]
fn an_effective_time_is_sent_as_it_was_understood_and_said_so() {
    let agent = Agent::start(Script::default());
    let ran = agent.run(&["assign", "5D5D", "--role", "Default", "--effective", "02:00"]);
    assert_eq!(ran.err, "02:00 is 2026-11-25T02:00:00Z\n");
    assert_eq!(agent.calls(), ["assign 5D5D [\"Default\"] 1795572000"]);
    let ran = agent.run(&["assign", "5D5D", "--role", "Default", "--effective", "teatime"]);
    assert_eq!(ran.status, 64);
    assert!(ran.err.starts_with("rolecallctl: `teatime` is not a time (REQUEST_INVALID)\n  write"));
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let agent = Agent::start(Script::default());
    let (console, err) = Console::closed();
    let ran = run_on(agent.socket(), &["status"], (console, err.clone(), err));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
}

#[test]
fn the_root_alone_is_the_last_of_an_issuers_certificates() {
    let agent = Agent::start(Script {
        issuer_certificates: vec![vec![0x30, 0x01], vec![0x30, 0x02]],
        ..Script::default()
    });
    let ran = agent.run(&["issuer", "show", "embedded", "--pem", "root"]);
    assert_eq!(ran.out, "-----BEGIN CERTIFICATE-----\nMAI=\n-----END CERTIFICATE-----\n");
}

#[test]
fn a_damaged_journal_ends_with_status_one() {
    let sound = Agent::start(Script::default()).run(&["log", "--verify"]);
    assert_eq!(sound.status, 0);
    let damaged = Script { damage: "frame 9 is torn".into(), ..Script::default() };
    let ran = Agent::start(damaged).run(&["log", "--verify"]);
    assert_eq!(ran.status, 1);
    assert!(ran.out.contains("DAMAGED: frame 9 is torn"), "{}", ran.out);
}

#[test]
fn a_followed_journal_is_one_json_object_for_each_line() {
    let entry = |sequence| pb::JournalEntry {
        sequence,
        change: Some(pb::journal_entry::Change::AgentStopped(pb::AgentStopped {})),
        ..pb::JournalEntry::default()
    };
    let agent = Agent::start(Script { journal: vec![entry(1), entry(2)], ..Script::default() });
    let ran = agent.run(&["log", "--follow", "-o", "json"]);
    let sequences: Vec<serde_json::Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["sequence"].clone())
        .collect();
    assert_eq!(sequences, [1, 2]);
}

#[test]
fn a_report_is_written_once_and_never_over_another_file() {
    let agent = Agent::start(Script::default());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    let log = ["log", "--report", path.to_str().unwrap()];
    assert_eq!(agent.run(&log).status, 0);
    assert!(std::fs::read_to_string(&path).unwrap().contains(&"ab".repeat(32)));
    let ran = agent.run(&log);
    assert_eq!(ran.status, 65);
    assert!(ran.err.contains("exists already (FILE_EXISTS)\n  give another name"), "{}", ran.err);
    assert_eq!(agent.run(&[&log[..], &["--force"]].concat()).status, 0);
}

#[test]
fn a_topology_is_checked_without_an_agent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.toml");
    let mut file = std::fs::File::create_new(&path).unwrap();
    file.write_all(b"sip_domainz = [\"contoso.com\"]\n").unwrap();
    let check = ["topology", "check", path.to_str().unwrap()];
    let ran = run_on(Path::new("/nonexistent"), &check, Console::captured());
    assert_eq!(ran.status, 1);
    assert!(ran.out.contains("topology.toml:1: sip_domainz"), "{}", ran.out);
    let missing = ["topology", "check", "/nonexistent.toml"];
    let ran = run_on(Path::new("/nonexistent"), &missing, Console::captured());
    assert_eq!(ran.status, 66);
}

#[test]
fn a_wrong_command_line_is_usage_and_help_is_not() {
    let run =
        |arguments: &[&str]| run_on(Path::new("/nonexistent"), arguments, Console::captured());
    assert_eq!(run(&["request"]).status, 64);
    assert_eq!(run(&["reqest"]).status, 64);
    let help = run(&["request", "--help"]);
    assert_eq!((help.status, help.err.as_str()), (0, ""));
    assert!(help.out.contains("Examples:"));
}

#[test]
fn every_shell_completes_commands_roles_and_codes() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = run_on(Path::new("/nonexistent"), &["completion", shell], Console::captured());
        // The generator for fish completes options only.
        let code = if shell == "fish" { "request" } else { "crl-missing" };
        for word in ["request", "WebServicesInternal", "keyCompromise", "p-384", code] {
            assert!(ran.out.contains(word), "{shell} does not complete {word}");
        }
    }
}

#[test]
fn a_manual_page_is_written_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("man1");
    let man = ["man", into.to_str().unwrap()];
    assert_eq!(run_on(Path::new("/nonexistent"), &man, Console::captured()).status, 0);
    for page in ["rolecallctl.1", "rolecallctl-request.1", "rolecallctl-certificate-list.1"] {
        assert!(into.join(page).exists(), "{page} is missing");
    }
}

#[test]
fn every_code_of_this_program_is_documented() {
    let manual = include_str!("../../../src/manual/cli.md");
    for code in [
        "ORDER_WAITING",
        "ORDER_FAILED",
        "ORDER_DENIED",
        "ORDER_REFUSED",
        "ORDER_CANCELLED",
        "FILE_UNREADABLE",
        "FILE_MALFORMED",
        "FILE_EXISTS",
        "FILE_UNWRITABLE",
        "OUTPUT_UNWRITABLE",
        "INPUT_UNREADABLE",
        "CONFIRMATION_NEEDED",
        "DECLINED",
    ] {
        assert!(manual.contains(&format!("`{code}`")), "cli.md lacks {code}");
    }
}
