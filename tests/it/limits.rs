//! Everything has a limit: sockets, heads, bodies, time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Shape, World};

/// Longer than any timer of these tests, and a failure when it is needed.
const PATIENCE: Duration = Duration::from_secs(15);

/// Timers of a second, so that tests need not wait for those of the defaults.
async fn hasty() -> World {
    World::shaped(Shape {
        config: |config| {
            config.http.header_timeout_s = 1;
            config.http.connections_per_address_max = 700;
        },
        ..Shape::default()
    })
    .await
}

/// Everything that the gateway says until it closes.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut said = vec![];
    // A reset is as good an end as any.
    drop(tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("the gateway closes"));
    String::from_utf8_lossy(&said).into_owned()
}

async fn says(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

async fn answer_to(address: SocketAddr, text: &str) -> String {
    let mut stream = says(address, text).await;
    // What is too long may be turned away before it is read.
    until_closed(&mut stream).await
}

#[tokio::test]
async fn three_hundred_sockets_that_say_nothing_or_half_a_head_are_closed_and_others_are_served_meanwhile() {
    let world = hasty().await;
    let (address, _) = world.addresses();
    let mut silent = vec![];
    for n in 0..300 {
        let text = if n % 2 == 0 { "" } else { "GET /v1/float HTTP/1.1\r\nHost: x\r\nAuthoriz" };
        silent.push(says(address, text).await);
    }
    let began = Instant::now();
    world.agent().looks_up(&world.vehicle()).await;
    assert!(began.elapsed() < PATIENCE, "an honest request waits for nobody");
    for stream in &mut silent {
        let said = until_closed(stream).await;
        assert!(!said.contains(" 200 "), "{said}");
    }
    world.agent().looks_up(&world.vehicle()).await;
}

#[tokio::test]
async fn a_connection_that_idles_after_an_answer_is_closed_too() {
    let world = hasty().await;
    let mut stream = says(world.addresses().0, "GET /verify HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let said = until_closed(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
}

#[tokio::test]
async fn one_address_has_its_share_of_connections_and_no_more() {
    let world = World::shaped(Shape {
        config: |config| config.http.connections_per_address_max = 40,
        ..Shape::default()
    })
    .await;
    let (address, _) = world.addresses();
    let mut held = vec![];
    for _ in 0..40 {
        held.push(says(address, "").await);
    }
    let mut over = says(address, "GET /verify HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(until_closed(&mut over).await, "", "the one too many is closed without a word");
    drop(held);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = answer_to(address, "GET /verify HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        if said.starts_with("HTTP/1.1 200 ") {
            break;
        }
        assert!(Instant::now() < deadline, "places are given back: {said}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_long_or_has_too_many_lines_is_turned_away() {
    let world = World::new().await;
    let (address, _) = world.addresses();
    let many = "X-Line: y\r\n".repeat(200);
    for head in [format!("X-Long: {}\r\n", "y".repeat(64 * 1024)), many] {
        let said = answer_to(address, &format!("GET /verify HTTP/1.1\r\nHost: x\r\n{head}\r\n")).await;
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 431 "),
            "{}",
            said.lines().next().unwrap_or_default()
        );
    }
    for broken in ["\u{0}\u{0}\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /v1/float\r\n\r\n"] {
        let said = answer_to(address, broken).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 400 "), "{said}");
    }
    world.agent().looks_up(&world.vehicle()).await;
}

#[tokio::test]
async fn a_body_is_read_up_to_the_cap_and_not_a_byte_further() {
    let world = World::new().await;
    let cap = world.config.http.body_max_bytes;
    let agent = world.agent();
    let padded = |size: usize| {
        let frame = json!({"payload": ""}).to_string().len();
        json!({"payload": "x".repeat(size - frame)})
    };
    let fits = agent.send(reqwest::Method::POST, "/v1/receipts/verify", &[], Some(&padded(cap))).await;
    assert_eq!((fits.status.as_u16(), &fits.body["valid"]), (200, &json!(false)), "{}", fits.text);
    for size in [cap + 1, 20 * cap] {
        for path in ["/v1/receipts/verify", "/v1/lookups", "/v1/payments"] {
            let answer = agent.send(reqwest::Method::POST, path, &[], Some(&padded(size))).await;
            answer.is_problem(413, "BODY_TOO_LARGE", "never");
        }
    }
    let url = format!("{}/v1/receipts/verify", agent.base);
    let endless = format!(
        "POST /v1/receipts/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n{}\r\n",
        cap + 1,
        "x".repeat(cap + 1)
    );
    let said = answer_to(world.addresses().0, &endless).await;
    assert!(said.starts_with("HTTP/1.1 413 "), "a length that is not announced is counted: {url}: {said}");
}

#[tokio::test]
async fn a_body_that_drips_does_not_hold_a_connection_for_ever() {
    let world = hasty().await;
    let head = "POST /v1/receipts/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{";
    let mut stream = says(world.addresses().0, head).await;
    let said = until_closed(&mut stream).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
}
