//! A client that knows nothing of ours but `proto/`: Python's grpcio.

use std::path::{Path, PathBuf};
use std::process::Command;

use rolecall_tests::{Call, TestAgent, run};

const CLIENT: &str = r#"
import sys
import grpc
from rolecall.v1 import order_pb2, order_pb2_grpc, plan_pb2, status_pb2, status_pb2_grpc

# Of a socket's path grpcio makes an authority that HTTP/2 does not allow (RFC 9113 section 8.3.1).
options = [("grpc.default_authority", "localhost")]
channel = grpc.insecure_channel("unix:" + sys.argv[1], options=options)
spec = plan_pb2.OrderSpec(roles=["Default"])
request = order_pb2.PlaceOrderRequest(request_id="from-python", spec=spec, wait=True)
order = order_pb2_grpc.OrderServiceStub(channel).PlaceOrder(request).order
assert order.state.WhichOneof("state") == "done", order
print(order.id, order.key_algorithm, order.state.done.thumbprint.hex().upper())

status = status_pb2_grpc.StatusServiceStub(channel).GetStatus(status_pb2.GetStatusRequest())
[default] = [role for role in status.servers[0].roles if role.role == "Default"]
print(default.state, default.thumbprint.hex().upper())

try:
    request.request_id = "another"
    request.spec.roles[:] = ["Defualt"]
    order_pb2_grpc.OrderServiceStub(channel).PlaceOrder(request)
except grpc.RpcError as error:
    print(error.code().name)
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_generated_from_the_protocol_alone_places_an_order() {
    let agent = TestAgent::standard_edition().await;
    let folder = agent.site().path().join("python");
    std::fs::create_dir(&folder).unwrap();
    agent.site().write("python/client.py", CLIENT);
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("proto");
    let python = python();
    let mut generate = Command::new(&python);
    generate.args(["-m", "grpc_tools.protoc", "-I"]).arg(&proto);
    generate.arg("--python_out").arg(&folder).arg("--grpc_python_out").arg(&folder);
    for file in std::fs::read_dir(proto.join("rolecall/v1")).unwrap() {
        generate.arg(file.unwrap().path());
    }
    run(&mut generate).success();

    let mut client = Command::new(&python);
    client.arg(folder.join("client.py")).arg(agent.site().socket());
    let output = tokio::task::block_in_place(|| run(&mut client)).success();

    let certificate = agent.certificates().await.remove(0);
    let thumbprint: String =
        certificate.thumbprint.iter().map(|octet| format!("{octet:02X}")).collect();
    assert_eq!(output, format!("1 rsa-2048 {thumbprint}\nassigned {thumbprint}\nNOT_FOUND\n"));
}

/// Returns a Python with grpcio and grpcio-tools: that of `tests/run`, or one made beside it.
fn python() -> PathBuf {
    if let Some(python) = std::env::var_os("ROLECALL_TEST_PYTHON") {
        return python.into();
    }
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    let environment = target.join("tests-python");
    let python = environment.join("bin/python");
    let mut probe = Command::new(&python);
    probe.args(["-c", "import grpc, grpc_tools"]);
    if python.exists() && run(&mut probe).code == Some(0) {
        return python;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment)).success();
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run(install.args(["grpcio>=1.60,<2", "grpcio-tools>=1.60,<2"])).success();
    python
}
