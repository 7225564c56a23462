//! Every route of the router, and who is let in.

use samsat_gateway::agents::Role;

use super::stage::Actor;

/// Who is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Whoever comes.
    Public,
    /// The sign-in's own forms: whoever has a device's or a session's token.
    SignIn,
    /// Whoever has given a password.
    SignedIn,
    Counter,
    Supervisor,
    Office,
    Readers,
    Deciders,
    Officers,
    Admins,
    /// By bearer: agents; agents and readers; readers.
    Agents,
    AgentsAndReaders,
    ReadersByToken,
}

use self::Door::{
    Admins, Agents, AgentsAndReaders, Counter, Deciders, Office, Officers, Public, Readers, ReadersByToken,
    SignIn, SignedIn, Supervisor,
};

/// Everything that the router serves: who is let in, and what it gets for an own object, with every field of the form that
/// is needed to get as far as that object; 0 where that depends on who asks.
pub(super) const ROWS: &[(&str, &str, Door, u16)] = &[
    ("post", "/v1/lookups", Agents, 201),
    // The amount is not the quote's.
    ("post", "/v1/payments", Agents, 422),
    ("get", "/v1/payments", AgentsAndReaders, 200),
    ("get", "/v1/payments/{payment_id}", AgentsAndReaders, 200),
    // It is confirmed, and nothing is owed for it.
    ("post", "/v1/payments/{payment_id}/cancel", Agents, 409),
    ("post", "/v1/payments/{payment_id}/return", Agents, 404),
    ("get", "/v1/receipts", ReadersByToken, 200),
    ("post", "/v1/receipts/verify", Public, 200),
    ("get", "/v1/receipts/{receipt_no}", AgentsAndReaders, 200),
    ("get", "/v1/float", Agents, 200),
    ("get", "/v1/float/entries", Agents, 200),
    ("get", "/v1/reconciliations/{date}", ReadersByToken, 200),
    ("get", "/v1/reconciliations/{date}/items", ReadersByToken, 200),
    ("get", "/v1/reconciliations/{date}/export.csv", ReadersByToken, 200),
    ("get", "/v1/reconciliations/{date}/export.xlsx", ReadersByToken, 200),
    ("get", "/v1/reconciliations/{date}/export.pdf", ReadersByToken, 200),
    ("get", "/verify", Public, 200),
    ("post", "/verify", Public, 200),
    ("get", "/verify/{receipt_no}", Public, 200),
    ("get", "/verify/kerja.js", Public, 200),
    ("get", "/assets/verify.js", Public, 200),
    ("get", "/assets/ed25519.js", Public, 200),
    ("get", "/assets/receipt.css", Public, 200),
    ("get", "/assets/receipt.js", Public, 200),
    ("get", "/assets/kertas/{name}", Public, 200),
    ("get", "/assets/style.css", Public, 200),
    ("get", "/assets/counter.js", Public, 200),
    ("get", "/assets/icon.svg", Public, 200),
    ("get", "/openapi.json", Public, 200),
    ("get", "/masuk", Public, 0),
    ("post", "/masuk", SignIn, 401),
    ("post", "/masuk/pin", SignIn, 401),
    ("get", "/kode", SignedIn, 303),
    ("post", "/kode", SignedIn, 303),
    ("get", "/kode/pasang", SignedIn, 303),
    ("post", "/kode/pasang", SignedIn, 303),
    ("get", "/sandi", SignedIn, 200),
    ("post", "/sandi", SignedIn, 422),
    ("get", "/akun", SignedIn, 200),
    ("post", "/akun/sesi", SignedIn, 404),
    ("post", "/akun/pin", SignedIn, 422),
    ("post", "/akun/pin/hapus", SignedIn, 303),
    ("get", "/", Counter, 200),
    ("get", "/hari-ini", Counter, 200),
    ("post", "/tagihan", Counter, 303),
    ("get", "/tagihan/{lookup_id}", Counter, 200),
    ("post", "/tagihan/{lookup_id}/konfirmasi", Counter, 200),
    // The amount is not the quote's: refused, and its fate says so.
    ("post", "/tagihan/{lookup_id}/bayar", Counter, 303),
    ("get", "/tagihan/{lookup_id}/nasib", Counter, 200),
    ("post", "/tagihan/{lookup_id}/lepas", Counter, 303),
    ("get", "/bayar/{payment_id}", Counter, 200),
    ("get", "/bayar/{payment_id}/keadaan", Counter, 200),
    ("post", "/bayar/{payment_id}/batal", Counter, 303),
    // Nothing is owed for it.
    ("post", "/bayar/{payment_id}/kembali", Counter, 404),
    ("post", "/bukti/{receipt_no}", Counter, 200),
    ("get", "/saldo", Counter, 200),
    ("get", "/biaya", Counter, 200),
    ("get", "/penyelia", Supervisor, 200),
    ("get", "/saldo/isi", Supervisor, 200),
    // A form without its file.
    ("post", "/saldo/isi", Supervisor, 400),
    ("get", "/saldo/permintaan/{request_id}/bukti", Counter, 200),
    ("get", "/laci", Counter, 200),
    // How much is missing.
    ("post", "/laci/buka", Counter, 400),
    ("post", "/laci/pindah", Counter, 400),
    ("get", "/laci/{drawer_id}", Counter, 200),
    // The cashier's own, which only the cashier closes.
    ("post", "/laci/{drawer_id}/tutup", Counter, 0),
    ("get", "/perangkat", Supervisor, 200),
    ("post", "/perangkat/aturan", Supervisor, 303),
    ("post", "/perangkat/izin", Supervisor, 404),
    ("post", "/perangkat/hapus", Supervisor, 404),
    ("get", "/kantor", Office, 200),
    ("get", "/kantor/usul", Office, 200),
    ("get", "/kantor/usul/{proposal_id}", Office, 200),
    // Approved before, and without a code that counts.
    ("post", "/kantor/usul/{proposal_id}/setujui", Deciders, 401),
    // It has ended.
    ("post", "/kantor/usul/{proposal_id}/tolak", Deciders, 409),
    ("get", "/kantor/isi", Office, 200),
    ("get", "/kantor/isi/{request_id}", Office, 200),
    ("get", "/kantor/isi/{request_id}/bukti", Office, 200),
    // The first who decides proposes it; then it is answered.
    ("post", "/kantor/isi/{request_id}/usul", Deciders, 0),
    ("post", "/kantor/isi/{request_id}/tolak", Deciders, 0),
    // No such decision.
    ("post", "/kantor/pembayaran/{payment_id}/usul", Officers, 422),
    ("post", "/kantor/perkara/{case_id}/usul", Officers, 303),
    ("get", "/kantor/pembayaran", Readers, 200),
    ("post", "/kantor/pembayaran", Readers, 200),
    ("get", "/kantor/pembayaran/{payment_id}", Readers, 200),
    ("get", "/kantor/rekonsiliasi", Readers, 200),
    ("get", "/kantor/rekonsiliasi/{date}", Readers, 200),
    ("get", "/kantor/rekonsiliasi/{date}/berkas.csv", Readers, 200),
    ("get", "/kantor/rekonsiliasi/{date}/berkas.xlsx", Readers, 200),
    ("get", "/kantor/rekonsiliasi/{date}/berkas.pdf", Readers, 200),
    ("get", "/kantor/perkara", Readers, 200),
    ("get", "/kantor/perkara/{case_id}", Readers, 200),
    ("get", "/kantor/jejak", Readers, 200),
    ("get", "/kantor/jejak/{subject}", Readers, 200),
    ("get", "/kantor/orang", Admins, 200),
    ("post", "/kantor/orang", Admins, 401),
    ("post", "/kantor/orang/{person_id}", Admins, 401),
    ("get", "/kantor/gerai", Admins, 200),
    // Last: who has signed out asks for nothing more.
    ("post", "/keluar", SignedIn, 303),
];

/// Things that an outlet has, and other outlets must not see.
pub(super) const OWNED: [&str; 5] =
    ["{lookup_id}", "{payment_id}", "{receipt_no}", "{drawer_id}", "{request_id}"];

/// How who is not let in is turned away; none for who is.
pub(super) fn turned_away(door: Door, actor: &Actor) -> Option<(u16, &'static str)> {
    let agent = actor.name == "agent";
    let reader = matches!(actor.role, Some(Role::Bapenda | Role::Auditor));
    let by_bearer = |let_in: bool| {
        let status = if actor.name == "nobody" { 401 } else { 403 };
        (!let_in).then_some((status, ""))
    };
    match door {
        Public => return None,
        Agents => return by_bearer(agent),
        AgentsAndReaders => return by_bearer(agent || reader),
        ReadersByToken => return by_bearer(reader),
        SignIn => return actor.role.is_none().then_some((403, "")),
        SignedIn | Counter | Supervisor | Office | Readers | Deciders | Officers | Admins => {}
    }
    let Some(role) = actor.role else { return Some((303, "/masuk")) };
    let let_in = match door {
        Counter => role.is_at_outlet(),
        Supervisor => role == Role::Penyelia,
        Office => !role.is_at_outlet(),
        Readers => reader,
        Deciders => matches!(role, Role::Bapenda | Role::Admin),
        Officers => role == Role::Bapenda,
        Admins => role == Role::Admin,
        _ => true,
    };
    match (let_in, door) {
        (true, _) => None,
        (false, Counter | Supervisor) if !role.is_at_outlet() => Some((303, "/kantor")),
        (false, _) => Some((404, "")),
    }
}
