//! A cashier with a browser: cookies kept, forms filled in as the page has them, no script, redirects followed by hand.

use std::collections::BTreeMap;
use std::sync::Mutex;

use reqwest::{Method, StatusCode};
use samsat_gateway::agents::{self, NewPerson, Operator, Role};
use samsat_gateway::domain::Rupiah;

use super::agent::{Client, Vehicle};
use super::world::World;

/// The password of every operator of these tests.
pub const PASSWORD: &str = "sate ayam madura";

/// A page as the browser got it.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub html: String,
    pub path: String,
}

impl Page {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Where it leads.
    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }

    /// The value of the first field of that name.
    pub fn field(&self, name: &str) -> Option<String> {
        let field = self.html.split(&format!("name=\"{name}\"")).nth(1)?;
        let value = field.split('>').next()?.split("value=\"").nth(1)?;
        value.split('"').next().map(str::to_owned)
    }

    /// What a person reads: no tags, entities written out, one space between words.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for piece in self.html.split('<').skip(1) {
            text.push(' ');
            text.push_str(piece.split_once('>').map_or("", |(_, words)| words));
        }
        let text = text.replace("&#38;", "&").replace("&#39;", "'").replace("&amp;", "&");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub fn says(&self, words: &str) {
        assert!(
            self.text().contains(words),
            "{words:?} is not in {} {}: {}",
            self.status,
            self.path,
            self.text()
        );
    }
}

/// A browser at a counter.
pub struct Cashier {
    pub username: String,
    pub base: String,
    http: reqwest::Client,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Cashier {
    /// Another browser, without any cookie.
    pub fn elsewhere(&self) -> Self {
        Self {
            username: self.username.clone(),
            base: self.base.clone(),
            http: browser(),
            cookies: Mutex::default(),
        }
    }

    /// The same browser before another gateway.
    pub fn at(self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self }
    }

    /// The same device, on which nobody is signed in.
    pub fn same_device(&self) -> Self {
        let other = self.elsewhere();
        let name = "__Host-perangkat";
        other.set_cookie(name, &self.cookie(name).expect("a device"));
        other
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().expect("a lock").get(name).cloned()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().expect("a lock").insert(name.to_owned(), value.to_owned());
    }

    pub async fn asks(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        form: Option<&[(&str, &str)]>,
    ) -> Page {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        let jar = self.cookies.lock().expect("a lock").clone();
        if !jar.is_empty() {
            let all: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", all.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(form) = form {
            let encoded: Vec<String> =
                form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
            request =
                request.header("content-type", "application/x-www-form-urlencoded").body(encoded.join("&"));
        }
        let response = request.send().await.expect("the gateway answers");
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().expect("ASCII");
            let (name, rest) = cookie.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            let mut jar = self.cookies.lock().expect("a lock");
            if value.is_empty() {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let html = response.text().await.expect("a whole page");
        Page { status, headers, html, path: path.to_owned() }
    }

    /// Sends a form with a file, as a browser does.
    pub async fn uploads(&self, from: &Page, path: &str, fields: &[(&str, &str)], file: &[u8]) -> Page {
        let token = from.field("csrf").unwrap_or_default();
        let mut body = vec![];
        for (name, value) in [("csrf", &*token)].iter().chain(fields) {
            let part =
                format!("--batas7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let head = "--batas7\r\nContent-Disposition: form-data; name=\"bukti\"; filename=\"slip.png\"\r\nContent-Type: image/png\r\n\r\n";
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--batas7--\r\n");
        let jar = self.cookies.lock().expect("a lock").clone();
        let all: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.http.post(format!("{}{path}", self.base)).header("cookie", all.join("; "));
        let request = request.header("content-type", "multipart/form-data; boundary=batas7");
        let response = request.header("sec-fetch-site", "same-origin").body(body).send().await;
        let response = response.expect("the gateway answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let html = response.text().await.expect("a whole page");
        Page { status, headers, html, path: path.to_owned() }
    }

    pub async fn opens(&self, path: &str) -> Page {
        self.asks(Method::GET, path, &[("accept", "text/html")], None).await
    }

    /// Opens a page and goes where it leads.
    pub async fn follows(&self, page: &Page) -> Page {
        let mut page = page.clone();
        for _ in 0..5 {
            if page.status != StatusCode::SEE_OTHER {
                return page;
            }
            page = self.opens(page.location()).await;
        }
        panic!("{} leads nowhere", page.path);
    }

    /// Sends a form of that page to a path, with the token that the page carries.
    pub async fn sends(&self, from: &Page, path: &str, fields: &[(&str, &str)]) -> Page {
        let token = from.field("csrf").unwrap_or_default();
        let mut form = vec![("csrf", &*token)];
        form.extend_from_slice(fields);
        self.asks(Method::POST, path, &[("sec-fetch-site", "same-origin")], Some(&form)).await
    }

    /// One try at the sign-in form.
    pub async fn tries(&self, username: &str, password: &str) -> Page {
        let form = self.opens("/masuk?dengan=sandi").await;
        self.sends(&form, "/masuk", &[("nama", username), ("sandi", password)]).await
    }

    /// Signs in; the counter's first page.
    pub async fn signs_in(&self) -> Page {
        let answer = self.tries(&self.username, PASSWORD).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/"), "{}", answer.text());
        let page = self.follows(&answer).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text());
        page
    }

    /// Looks a vehicle up; the bill, or the page with the refusal.
    pub async fn looks_up(&self, vehicle: &Vehicle) -> Page {
        let home = self.opens("/").await;
        let fields = [("nopol", &*vehicle.plate), ("rangka", &*vehicle.chassis)];
        let answer = self.sends(&home, "/tagihan", &fields).await;
        if answer.status != StatusCode::SEE_OTHER {
            return answer;
        }
        let bill = self.opens(answer.location()).await;
        assert_eq!(bill.status, StatusCode::OK, "{}", bill.text());
        bill
    }

    /// Types the cash; the page that asks for the last confirmation.
    pub async fn takes_cash(&self, bill: &Page, cash: &str) -> Page {
        self.sends(bill, &format!("{}/konfirmasi", bill.path), &[("uang", cash)]).await
    }

    /// Confirms; whatever is answered.
    pub async fn confirms(&self, confirmation: &Page) -> Page {
        let field =
            |name| confirmation.field(name).unwrap_or_else(|| panic!("no {name}: {}", confirmation.text()));
        let (key, amount, cash) = (field("kunci"), field("jumlah"), field("uang"));
        let path = confirmation.path.replace("/konfirmasi", "/bayar").replace("/nasib", "/bayar");
        let fields = [("kunci", &*key), ("jumlah", &*amount), ("uang", &*cash), ("setuju", "ya")];
        self.sends(confirmation, &path, &fields).await
    }

    /// From the plate to the result, as a citizen waits for it.
    pub async fn sells(&self, vehicle: &Vehicle) -> Page {
        let bill = self.looks_up(vehicle).await;
        let confirmation = self.takes_cash(&bill, "900000000").await;
        assert_eq!(confirmation.status, StatusCode::OK, "{}", confirmation.text());
        let answer = self.confirms(&confirmation).await;
        self.follows(&answer).await
    }
}

fn browser() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(25))
        .build()
        .expect("a client")
}

fn encoded(text: &str) -> String {
    let byte = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(b).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

impl World {
    /// A cashier of the nth outlet, not signed in.
    pub async fn cashier(&self, outlet: usize, username: &str) -> Cashier {
        self.operator(outlet, (username, Role::Kasir), false).await
    }

    /// A person of that role who acts by token; who works at an outlet works at the first.
    pub async fn person(&self, role: Role) -> Client {
        let now = self.clock.now();
        let mut connection = self.app.db.workers.acquire().await.expect("a connection");
        let outlet = agents::agent_by_code(&mut connection, &self.agents[0].code).await.expect("a row");
        let outlet = outlet.filter(|_| role.is_at_outlet()).map(|outlet| outlet.agent_id);
        let name = format!("{}.akses", role.as_str());
        let new = NewPerson { outlet, ..NewPerson::named(&name, "no password", role) };
        let person = agents::add_person(&mut connection, &new, now).await.expect("a person");
        let token = agents::new_secret("usr_").expect("randomness");
        let until = now + chrono::TimeDelta::days(1);
        agents::issue_token(&mut connection, person.person_id, &token, now, until).await.expect("a token");
        Client { credential: token, code: String::new(), ..self.agent().clone() }
    }

    /// Somebody at the nth outlet, with an open and empty drawer, whose password somebody else may have chosen.
    pub async fn operator(
        &self,
        outlet: usize,
        (username, role): (&str, Role),
        must_change_password: bool,
    ) -> Cashier {
        let cashier = self.newcomer(outlet, (username, role), must_change_password).await;
        let mut connection = self.app.db.workers.acquire().await.expect("a connection");
        let code = &self.agents[outlet].code;
        let outlet = agents::agent_by_code(&mut connection, code).await.expect("a row").expect("an outlet");
        let person = agents::person_by_name(&mut connection, username).await.expect("a row");
        let person_id = person.expect("a person").person_id;
        drop(connection);
        let operator = Operator { person_id, username: username.to_owned(), full_name: None, role, outlet };
        assert!(self.app.drawers.open(&operator, Rupiah::ZERO).await.expect("a drawer"));
        cashier
    }

    /// The same without a drawer.
    pub async fn newcomer(
        &self,
        outlet: usize,
        (username, role): (&str, Role),
        must_change_password: bool,
    ) -> Cashier {
        let mut connection = self.app.db.workers.acquire().await.expect("a connection");
        let code = &self.agents[outlet].code;
        let agent = agents::agent_by_code(&mut connection, code).await.expect("a row").expect("an outlet");
        let hash = agents::hash_password(PASSWORD).expect("a hash");
        let new = NewPerson {
            full_name: Some("Siti Aminah"),
            must_change_password,
            outlet: Some(agent.agent_id),
            ..NewPerson::named(username, &hash, role)
        };
        agents::add_person(&mut connection, &new, self.clock.now()).await.expect("a person");
        Cashier {
            username: username.to_owned(),
            base: self.agents[outlet].base.clone(),
            http: browser(),
            cookies: Mutex::default(),
        }
    }
}
