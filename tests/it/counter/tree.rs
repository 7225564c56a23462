//! Pesantren, outlets, people and devices, by command; and whom a seed leaves.

use reqwest::StatusCode;
use samsat_gateway::agents::Role;
use serde_json::{Value, json};

use super::commands::Shell;
use crate::support::{Cashier, Codes, PASSWORD, Shape, World};

#[tokio::test]
async fn outlets_stand_below_their_pesantren_and_people_below_their_outlet() {
    let world = World::new().await;
    let shell = Shell::of(&world);
    let add = async |code: &str, nspp: &[&str]| {
        let mut words = vec!["agent", "add", "--code", code, "--name", "Gerai baru"];
        words.extend_from_slice(nspp);
        shell.runs(&words, "").await
    };
    assert_eq!(add("PSN-1001", &["--nspp", "51003510", "--pesantren", "Al Hikmah"]).await.0, 0);
    assert_eq!(add("PSN-1002", &["--nspp", "51003510", "--pesantren", "lain nama"]).await.0, 0);
    assert_eq!(add("PSN-1003", &[]).await.0, 0);
    assert_eq!(add("PSN-1004", &["--pesantren", "tanpa nomor"]).await.0, 2);
    let siti = world.cashier(0, "siti").await;
    siti.signs_in().await;
    let (_, tree, _) = shell.runs(&["agent", "list"], "").await;
    let branches: Vec<(&Value, &Value, usize)> = tree
        .as_array()
        .unwrap()
        .iter()
        .map(|b| (&b["nspp"], &b["name"], b["outlets"].as_array().unwrap().len()))
        .collect();
    assert!(branches.contains(&(&json!("51003510"), &json!("Al Hikmah"), 2)), "{branches:?}");
    assert!(branches.contains(&(&Value::Null, &Value::Null, 1)), "{branches:?}");
    let code = world.agent().code.clone();
    let (_, own, _) = shell.runs(&["agent", "list", &code], "").await;
    let person = &own[0]["outlets"][0]["people"][0];
    assert_eq!((&person["username"], &person["role"]), (&json!("siti"), &json!("kasir")), "{own}");
    assert_eq!(person["devices"][0]["waits"], false);
    assert_eq!(shell.runs(&["agent", "list", "PSN-9999"], "").await.0, 1);
}

#[tokio::test]
async fn a_shell_switches_the_admission_of_devices_and_resets_second_factors() {
    let world = World::new().await;
    let shell = Shell::of(&world);
    let (siti, nur) = (world.cashier(0, "siti").await, world.coded(Role::Penyelia, "nur", 0).await);
    let code = world.agent().code.clone();
    assert_eq!(shell.runs(&["agent", "devices", &code], "").await.0, 2, "one of both");
    let (status, told, error) = shell.runs(&["agent", "devices", &code, "--admitted"], "").await;
    assert_eq!((status, &told["devices_admitted"]), (0, &json!(true)), "{error}");
    assert_eq!(siti.tries("siti", PASSWORD).await.status, StatusCode::FORBIDDEN);
    let (_, own, _) = shell.runs(&["agent", "list", &code], "").await;
    assert_eq!(own[0]["outlets"][0]["devices_admitted"], true);
    assert_eq!(shell.runs(&["agent", "devices", &code, "--open"], "").await.0, 0);
    siti.signs_in().await;
    nur.signs_in().await;
    assert_eq!(shell.user("totp reset nur", "").await.0, 0);
    assert_eq!(nur.opens("/").await.location(), "/masuk");
    let (status, _, error) = shell.user("totp reset siti", "").await;
    assert!(status == 1 && error.contains("has no second factor"), "{error}");
    let noted = "SELECT count(*) FROM audit_event WHERE actor = 'shell' AND action IN
                 ('asks for admitted devices', 'takes any device', 'reset second factor')";
    assert_eq!(world.count(noted).await, 3);
}

#[tokio::test]
async fn a_seed_leaves_people_who_can_sign_in_at_once() {
    let world = World::shaped(Shape { agents: 0, ..Shape::default() }).await;
    let shell = Shell::of(&world);
    let (status, seed, error) = shell.runs(&["seed", "--agents", "2"], "").await;
    assert_eq!(status, 0, "{error}");
    let base = format!("http://{}", world.addresses().0);
    for user in seed["users"].as_array().unwrap() {
        let text = |name: &str| user[name].as_str().unwrap_or_default();
        let browser = Cashier::new(text("username"), &base);
        let mut page = browser.follows(&browser.tries(text("username"), text("password")).await).await;
        assert_eq!(page.path == "/kode", text("role") != "kasir", "{user}");
        if page.path == "/kode" {
            let code = Codes::with(text("totp_secret"), &world).now();
            page = browser.follows(&browser.sends(&page, "/kode", &[("kode", &code)]).await).await;
        }
        let home = if ["kasir", "penyelia"].contains(&text("role")) { "/" } else { "/kantor" };
        assert_eq!((page.status, &*page.path), (StatusCode::OK, home), "{}", page.text());
    }
}
