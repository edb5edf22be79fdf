use super::*;
use crate::enrollment::RoleSet;
use crate::finding::FindingCode;
use crate::key::{DigestAlgorithm, KeyAlgorithm};
use crate::request::SipDomainChoice;
use crate::time::Timestamp;
use crate::topology::ScopeInstance;

const AT: Timestamp = Timestamp::from_millis(1_700_000_000_123);

fn wish() -> Enrollment {
    Enrollment {
        instance: ScopeInstance::Server("se01.contoso.com".parse().unwrap()),
        roles: RoleSet::new(["Default".parse().unwrap()]).unwrap(),
        issuer: "embedded".parse().unwrap(),
        template: None,
        key_algorithm: KeyAlgorithm::EcdsaP256,
        digest: DigestAlgorithm::Sha256,
        exportable: false,
        subject: SubjectAttributes::default(),
        client_eku: None,
        sip_domains: SipDomainChoice::Computed,
        added_names: vec!["extra.contoso.com".parse().unwrap()],
        friendly_name: None,
        renew_before: None,
    }
}

fn order(state: State) -> Order {
    Order {
        id: OrderId::FIRST,
        request_id: "r-1".parse().unwrap(),
        enrollment: "Default@se01.contoso.com".parse().unwrap(),
        wish: Some(wish()),
        server: "se01.contoso.com".parse().unwrap(),
        roles: vec!["Default".parse().unwrap(), "WebServicesInternal".parse().unwrap()],
        goal: Goal::Assign,
        issuer: "embedded".parse().unwrap(),
        template: Some("WebServer".parse().unwrap()),
        key_algorithm: KeyAlgorithm::EcdsaP256,
        digest: DigestAlgorithm::Sha256,
        exportable: true,
        friendly_name: "Default se01.contoso.com 2026-11-24".parse().unwrap(),
        common_name: Some("se01.contoso.com".parse().unwrap()),
        subject: SubjectAttributes::default(),
        names: vec!["se01.contoso.com".parse().unwrap()],
        client_eku: true,
        lifetime: Duration::from_secs(86_400),
        approval_required: true,
        key_id: KeyId::new([7; 16]),
        csr: vec![0x30, 0x00],
        state,
        placed_at: AT,
        updated_at: AT,
        placed_by: Actor::Local { uid: 0, name: "root".into() },
    }
}

fn states() -> Vec<State> {
    let fingerprint = Fingerprint::of(b"x");
    let findings = vec![Finding::new(FindingCode::RootMissing, "no root", "rolecallctl trust add")];
    vec![
        State::KeyReady,
        State::Submitting { attempt: 3 },
        State::Submitted {
            ca_request_id: "17".into(),
            waiting_for: "approval".into(),
            ask_again_at: Some(AT),
        },
        State::AwaitingResponse,
        State::Issued { fingerprint },
        State::Installed { fingerprint, waiting_for: findings.clone() },
        State::Done { fingerprint, thumbprint: Thumbprint::of(b"x") },
        State::Refused { findings },
        State::Denied { denied_by: "bob".into(), reason: "no".into() },
        State::Failed {
            error: "connection refused".into(),
            attempt: 2,
            retry_at: None,
            failing_since: AT,
        },
        State::Cancelled { cancelled_by: Actor::Agent },
    ]
}

#[test]
fn an_order_in_every_state_survives_the_wire() {
    for state in states() {
        let order = order(state);
        assert_eq!(Order::try_from(pb::Order::from(&order)), Ok(order));
    }
}

#[test]
fn every_missing_field_of_an_order_is_named_at_once() {
    let violations = Order::try_from(pb::Order::default()).unwrap_err();
    let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
    for field in ["id", "request_id", "enrollment", "server", "issuer", "key_id", "state"] {
        assert!(fields.contains(&field), "{field} is not in {fields:?}");
    }
}

#[test]
fn a_malformed_state_is_named_by_its_path() {
    let mut message = pb::Order::from(&order(State::KeyReady));
    message.state = Some(pb::OrderState {
        state: Some(message::State::Issued(message::Issued { fingerprint: vec![1, 2] })),
    });
    let violations = Order::try_from(message).unwrap_err();
    assert_eq!(violations[0].field, "state.fingerprint");
}
