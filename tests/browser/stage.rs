//! A world with people in front of real browsers.

use std::sync::Arc;

use samsat_gateway::agents::Role;
use serde_json::Value;

use crate::chromium::{self, Browser};
use crate::support::{PASSWORD, Shape, Vehicle, World};
use crate::tab::{Device, Tab};

/// What citizens pay with, rupiah.
const NOTE: i64 = 50_000;

/// A world and the browser that its people use.
pub struct Stage {
    pub world: World,
    pub browser: Arc<Browser>,
}

impl Stage {
    /// None, with a loud line, where no browser can be had.
    pub async fn set() -> Option<Self> {
        Self::shaped(Shape::default()).await
    }

    pub async fn shaped(shape: Shape) -> Option<Self> {
        let browser = chromium::shared().await?;
        Some(Self { world: World::shaped(shape).await, browser })
    }

    /// A vehicle that owes tax and a fine, for one year.
    pub async fn vehicle_in_arrears(&self) -> Vehicle {
        loop {
            let vehicle = self.world.vehicle();
            let quote = self.world.agent().looks_up(&vehicle).await;
            let years = quote.body["periods"].as_array().unwrap();
            let mut lines = years.iter().flat_map(|year| year["lines"].as_array().unwrap());
            let owes =
                |line: &Value| ["principal", "penalty"].iter().all(|part| line[part].as_i64() > Some(0));
            if years.len() == 1 && lines.all(owes) {
                return vehicle;
            }
        }
    }

    /// A cashier of the nth outlet, not signed in yet.
    pub async fn cashier(&self, outlet: usize, username: &str, device: Device) -> Tab {
        self.world.operator(outlet, (username, Role::Kasir), false).await;
        Tab::of(&self.browser, device, &self.world.agents[outlet].base).await
    }

    /// A cashier of the first outlet who sees the counter's first page.
    pub async fn at_counter(&self, username: &str, device: Device) -> Tab {
        let tab = self.cashier(0, username, device).await;
        tab.signs_in(username).await;
        tab
    }

    /// Both books say the same, every invariant holds, and so many payments have been booked once.
    pub async fn is_booked_once_each(&self, payments: usize) {
        let world = &self.world;
        assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (payments, payments));
        let confirmed = world.count("SELECT count(*) FROM payment WHERE state = 'confirmed'").await;
        assert_eq!(usize::try_from(confirmed).unwrap(), payments, "confirmed here");
        world.books_agree().await;
        world.verified().await;
    }
}

impl Tab {
    pub async fn signs_in(&self, username: &str) {
        self.opens("/masuk").await;
        self.fills("Nama pengguna", username).await;
        self.fills("Kata sandi", PASSWORD).await;
        self.presses("Masuk").await;
        self.says("Cari kendaraan").await;
    }

    /// From the counter's first page to the bill.
    pub async fn looks_up(&self, vehicle: &Vehicle) {
        self.types(vehicle).await;
        self.says("Cocokkan dengan STNK").await;
    }

    /// Types what the STNK has, and looks for it.
    pub async fn types(&self, vehicle: &Vehicle) {
        self.fills("Nomor polisi", &vehicle.plate).await;
        self.fills("5 angka terakhir nomor rangka", &vehicle.chassis).await;
        self.presses("Cari tagihan").await;
    }

    /// From the bill to the last look before money moves.
    pub async fn takes_cash(&self) {
        let cash = self.cash().await;
        self.fills("Uang diterima", &cash).await;
        self.says("Kembalian Rp").await;
        self.presses("Lanjut").await;
        self.says("sudah saya terima").await;
    }

    /// A little more than the bill that is shown, in whole notes.
    pub async fn cash(&self) -> String {
        let total = self.asks("document.querySelector('[data-kembalian]').dataset.kembalian").await;
        let total: i64 = total.unwrap().as_str().unwrap().parse().unwrap();
        ((total / NOTE + 1) * NOTE).to_string()
    }

    /// The tick and the button.
    pub async fn pays(&self) {
        self.presses("Uang Rp").await;
        self.presses("Bayar Rp").await;
    }

    /// From the counter's first page to the button.
    pub async fn sells(&self, vehicle: &Vehicle) {
        self.looks_up(vehicle).await;
        self.takes_cash().await;
        self.pays().await;
    }
}
