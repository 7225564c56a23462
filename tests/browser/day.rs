//! The day at the outlet: a drawer that is opened, counted and closed, and the pages around it.

use samsat_gateway::agents::Role;

use crate::stage::Stage;
use crate::tab::{Device, Tab};

/// What lies in a drawer, rupiah each.
const PIECES: [i64; 10] = [100_000, 50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100];

impl Tab {
    /// Counts so much, in as few pieces as it takes.
    pub async fn counts(&self, rupiah: i64) {
        let mut left = rupiah;
        for piece in PIECES {
            let label = samsat_gateway::domain::Rupiah::new(piece).unwrap().to_string();
            self.fills(&label, &(left / piece).to_string()).await;
            left %= piece;
        }
    }

    /// Opens a drawer in which so much lies.
    pub async fn opens_drawer(&self, rupiah: i64) {
        self.opens("/laci").await;
        self.fills("Uang di laci sekarang", &rupiah.to_string()).await;
        self.presses("Buka laci").await;
        self.says("Modal awal").await;
    }
}

/// A cashier who has not opened a drawer yet.
pub async fn newcomer(stage: &Stage, device: Device) -> Tab {
    stage.world.newcomer(0, ("siti", Role::Kasir), false).await;
    let siti = Tab::of(&stage.browser, device, &stage.world.agents[0].base).await;
    siti.signs_in("siti").await;
    siti
}

/// What the payments of this world have brought in, rupiah.
pub async fn taken(stage: &Stage) -> i64 {
    stage.world.count("SELECT coalesce(sum(amount), 0)::bigint FROM payment WHERE state = 'confirmed'").await
}

#[tokio::test]
async fn a_drawer_that_is_short_closes_with_a_reason_and_the_variance_on_its_account() {
    let Some(stage) = Stage::set().await else { return };
    let siti = newcomer(&stage, Device::Phone).await;
    siti.says("Laci Anda belum dibuka.").await;
    siti.opens_drawer(150_000).await;
    siti.opens("/").await;
    siti.sells(&stage.vehicle_in_arrears().await).await;
    siti.says("LUNAS").await;
    let expected = 150_000 + taken(&stage).await;
    siti.presses("Laci").await;
    siti.says("Hitung dan tutup laci").await;
    siti.counts(expected - 20_000).await;
    siti.presses("Tutup laci").await;
    siti.says("Hitungan belum cocok").await;
    let told = siti.text().await;
    assert!(
        !told.contains("kurang Rp") && !told.contains("Seharusnya"),
        "a blind count tells no figure: {told}"
    );
    siti.counts(expected - 20_000).await;
    assert_eq!(stage.world.count("SELECT count(*) FROM drawer WHERE closed_at IS NOT NULL").await, 0);
    siti.fills("Alasan selisih", "kembalian keliru").await;
    siti.presses("Tutup laci").await;
    siti.says("LACI DITUTUP").await;
    siti.says("Hitungan kurang Rp20.000.").await;
    siti.says("kembalian keliru").await;
    siti.says("Selisih laci").await;
    assert_eq!(stage.world.count("SELECT count(*) FROM drawer WHERE closed_at IS NOT NULL").await, 1);
    siti.is_clean();
    stage.is_booked_once_each(1).await;
}
