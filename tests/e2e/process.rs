//! The agent as a process: signals, exit statuses, its socket, and its second self.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rolecall::api::pb;
use rolecall::api::status::Failure;
use rolecall::reason::Reason;
use rolecall_tests::{AgentProcess, Call, Site, program, run, until};
use rustix::process::Signal;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ListServiceResponse, ServerReflectionRequest};

fn agent(site: &Site, command: &str) -> rolecall_tests::Output {
    run(Command::new(program("rolecall-agent")).args([command, "--config"]).arg(site.config_file()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_streams_removes_the_socket_and_exits_with_0() {
    let agent = AgentProcess::start(Site::new("se01.contoso.com", crate::refusals::WITH_APPROVAL));
    let client = agent.client().await;
    let mut spec = rolecall_tests::spec(&["Default"]);
    spec.template = "Checked".into();
    let order = client.place(spec).await.unwrap();
    let watch = pb::WatchOrderRequest { order_id: order.id };
    let mut watched = client.orders().watch_order(watch).await.unwrap().into_inner();
    watched.message().await.unwrap().unwrap();
    let follow = pb::ReadJournalRequest { follow: true, ..pb::ReadJournalRequest::default() };
    let mut followed = client.journal().read_journal(follow).await.unwrap().into_inner();
    followed.message().await.unwrap().unwrap();

    let (site, status) = tokio::task::block_in_place(|| agent.stop());

    assert_eq!(status.code(), Some(0));
    assert!(!site.socket().exists());
    let ended = Failure::from(watched.message().await.unwrap_err());
    assert_eq!(ended.reason, Reason::ShuttingDown, "{ended}");
    while let Ok(Some(_)) = followed.message().await {}
    let agent = AgentProcess::start(site);
    let kinds = agent.client().await.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| **kind == "agent-stopped").count(), 1, "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_reflection_answer() {
    let agent = AgentProcess::start(Site::standard_edition());
    let channel = rolecall_tests::channel_as(0, agent.site()).await;

    let health = HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await;
    assert_eq!(health.unwrap().into_inner().status, 1, "SERVING");

    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let questions = tokio_stream::once(question);
    let answers = ServerReflectionClient::new(channel).server_reflection_info(questions).await;
    let answer = answers.unwrap().into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(ListServiceResponse { service })) =
        answer.message_response
    else {
        panic!("another answer")
    };
    let mut names: Vec<_> = service.into_iter().map(|service| service.name).collect();
    names.sort_unstable();
    for expected in [
        "grpc.health.v1.Health",
        "rolecall.v1.AssignmentService",
        "rolecall.v1.CertificateService",
        "rolecall.v1.EnrollmentService",
        "rolecall.v1.FindingService",
        "rolecall.v1.IssuerService",
        "rolecall.v1.JournalService",
        "rolecall.v1.OrderService",
        "rolecall.v1.PlanService",
        "rolecall.v1.StatusService",
        "rolecall.v1.TopologyService",
    ] {
        assert!(names.iter().any(|name| name == expected), "{expected} is not in {names:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_agent_on_one_state_directory_refuses_and_names_the_first() {
    let first = AgentProcess::start(Site::standard_edition());

    let second = agent(first.site(), "run");

    assert_eq!(second.code, Some(75), "{second:?}");
    let said = format!("{}{}", second.stdout, second.stderr);
    assert!(said.contains("(STORE_IN_USE)"), "{said}");
    assert!(said.contains(&format!("process {}", first.pid())), "{said}");
    first.client().await.look().await;
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once_with_its_line() {
    let site = Site::standard_edition();
    site.write(
        "agent.toml",
        "servr = \"se01.contoso.com\"\n[socket]\nlocal_grant = \"king\"\n[log]\nformat = \"xml\"\n",
    );

    for command in ["run", "check"] {
        let refused = agent(&site, command);
        assert_eq!(refused.code, Some(78), "{refused:?}");
        for expected in ["line 1", "server", "line 3", "king", "line 5", "log.format"] {
            assert!(refused.stderr.contains(expected), "{command} lacks {expected}: {refused:?}");
        }
        assert!(refused.stderr.contains("(CONFIGURATION_INVALID)"), "{refused:?}");
    }
}

#[test]
fn a_topology_with_problems_or_without_this_server_is_refused() {
    let site = Site::standard_edition();
    for (topology, expected) in [
        ("sip_domains = [\"contoso.com\"]\nnonsense = 1\n", "nonsense"),
        (
            "sip_domains = [\"contoso.com\"]\n[pools.\"se02.contoso.com\"]\n\
             kind = \"StandardEdition\"\n",
            "no server se01.contoso.com",
        ),
    ] {
        site.write("topology.toml", topology);
        let refused = agent(&site, "run");
        assert_eq!(refused.code, Some(78), "{refused:?}");
        assert!(refused.stderr.contains(expected), "{expected}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_reads_the_topology_again_and_one_with_problems_changes_nothing() {
    let agent = AgentProcess::start(Site::standard_edition());
    let client = agent.client().await;
    let text = async || {
        let answer = client.topology().get_topology(pb::GetTopologyRequest {}).await;
        answer.unwrap().into_inner().text
    };
    let changed =
        format!("{}web_external = \"web.contoso.com\"\n", rolecall_tests::STANDARD_EDITION);

    agent.site().write("topology.toml", "nonsense = 1\n");
    agent.signal(Signal::HUP);
    tokio::task::block_in_place(|| {
        until("the log says that it was not read", || {
            let log = agent.log();
            if log.contains("the topology was not read again") { Ok(()) } else { Err(log) }
        });
    });
    assert_eq!(text().await, rolecall_tests::STANDARD_EDITION);
    let invalid = |seen: &rolecall_tests::Seen| {
        let found = seen.status.findings.iter().find(|one| one.code == "topology-invalid");
        found.map(|finding| finding.remedy.clone())
    };
    let seen = client.wait_for("the finding stands", |seen| invalid(seen).is_some()).await;
    let remedy = invalid(&seen).unwrap();
    assert!(remedy.starts_with("rolecallctl topology check /"), "{remedy}");

    agent.site().write("topology.toml", &changed);
    agent.signal(Signal::HUP);
    client.wait_for("the finding is gone", |seen| invalid(seen).is_none()).await;
    rolecall_tests::eventually("the topology is another one", || async {
        let now = text().await;
        if now == changed { Ok(()) } else { Err(now) }
    })
    .await;
    rolecall_tests::eventually("it is journalled", || async {
        let kinds = client.kinds().await;
        let count = kinds.iter().filter(|kind| **kind == "topology-loaded").count();
        if count == 2 { Ok(()) } else { Err(format!("{kinds:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agent_leaves_a_socket_that_the_next_one_replaces() {
    let agent = AgentProcess::start(Site::standard_edition());
    agent.client().await.obtain(&["Default"]).await;
    let site = agent.kill();
    assert!(site.socket().exists());

    let agent = AgentProcess::start(site);

    assert_eq!(agent.client().await.look().await.role("Default").state, "assigned");
}

#[test]
fn a_state_directory_that_others_can_enter_or_that_is_another_users_is_refused() {
    let site = Site::standard_edition();
    let state = site.state();
    let mode = |mode| std::fs::set_permissions(&state, std::fs::Permissions::from_mode(mode));
    let init = || {
        let folder = site.path();
        let again = ["init", "--server", "se01.contoso.com", "--directory"];
        let mut command = Command::new(program("rolecall-agent"));
        command.args(again).arg(folder.join("again")).arg("--state").arg(&state);
        run(command.arg("--topology").arg(site.topology_file()))
    };

    for open in [0o701, 0o720, 0o755] {
        mode(open).unwrap();
        for refused in [agent(&site, "run"), init()] {
            assert_eq!(refused.code, Some(78), "{refused:?}");
            let said = format!("{}{}", refused.stdout, refused.stderr);
            assert!(said.contains(&format!("its mode is {open:04o}")), "{said}");
            assert!(said.contains("chmod 700"), "{said}");
        }
        assert!(state.read_dir().unwrap().next().is_none(), "nothing was written");
    }
    assert!(!site.path().join("again/master.key").exists());

    mode(0o700).unwrap();
    std::os::unix::fs::chown(&state, Some(65_534), None).expect("these tests run as root");
    let refused = agent(&site, "run");
    assert_eq!(refused.code, Some(78), "{refused:?}");
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("belongs to user 65534"), "{said}");

    std::os::unix::fs::chown(&state, Some(0), None).unwrap();
    AgentProcess::start(site);
}
