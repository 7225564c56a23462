//! Every refusal in plain words: what it means, and what the citizen should do next.

/// A refusal as a page says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// In a few words, for the eye.
    pub(super) title: &'static str,
    /// What it means, and where the citizen goes with what, in one sentence.
    pub(super) sentence: &'static str,
    /// The authority's own code, where we have no words for it.
    pub(super) unknown: Option<String>,
}

impl Words {
    /// What does not exist, or is another outlet's.
    pub(super) const fn absent() -> Self {
        said("Halaman tidak ada", "Alamat ini tidak ada untuk Anda; silakan mulai lagi dari halaman pertama.")
    }
}

const fn said(title: &'static str, sentence: &'static str) -> Words {
    Words { title, sentence, unknown: None }
}

/// The words of a code: the protocol's, the API's, and those on a refused payment.
pub(super) fn words(code: &str) -> Words {
    let known = [OF_VEHICLE, OF_PAYMENT, OF_PAGE].into_iter().flatten();
    let mut known = known.filter(|(codes, ..)| codes.split(' ').any(|known| known == code));
    let Some((_, title, sentence)) = known.next() else {
        return Words {
            unknown: Some(code.to_owned()),
            ..said(
                "Ditolak",
                "Bapenda atau Jasa Raharja menolak dengan alasan yang belum kami kenal; warga perlu ke kantor Samsat induk dengan STNK, KTP, dan kode di bawah ini.",
            )
        };
    };
    said(title, sentence)
}

/// Why a vehicle cannot be paid here: codes, title, sentence.
const OF_VEHICLE: &[(&str, &str, &str)] = &[
    (
        "INVALID_PLATE",
        "Nomor polisi tidak terbaca",
        "Tulisan ini bukan nomor polisi; mohon ketik seperti di STNK, misalnya L 1234 AB.",
    ),
    (
        "INVALID_CHASSIS",
        "Nomor rangka tidak terbaca",
        "Yang diperlukan adalah lima huruf atau angka terakhir nomor rangka; mohon lihat baris NOMOR RANGKA di STNK.",
    ),
    (
        "NOT_FOUND",
        "Kendaraan tidak ditemukan",
        "Nomor polisi ini tidak ada di data Bapenda; mohon cocokkan sekali lagi dengan STNK, dan bila sudah benar warga perlu ke kantor Samsat induk dengan STNK dan KTP.",
    ),
    (
        "CHASSIS_MISMATCH",
        "Nomor rangka tidak cocok",
        "Lima angka terakhir nomor rangka tidak cocok dengan nomor polisi ini; mohon ketik ulang dari STNK, dan bila tetap tidak cocok warga perlu ke kantor Samsat induk untuk cek fisik.",
    ),
    (
        "OUTSIDE_JATIM",
        "Bukan kendaraan Jawa Timur",
        "Nomor polisi ini terdaftar di provinsi lain; warga dapat membayar di Samsat provinsi itu atau lewat aplikasi SIGNAL.",
    ),
    (
        "NOT_YET_PAYABLE",
        "Belum waktunya dibayar",
        "Pajak kendaraan ini belum dapat dibayar karena jatuh temponya masih jauh; warga dapat datang lagi mendekati tanggal jatuh tempo di STNK.",
    ),
    (
        "ALREADY_PAID",
        "Sudah lunas",
        "Pajak tahun ini sudah dibayar sehingga tidak ada yang perlu dibayar lagi; bila warga sudah menyerahkan uang, mohon kembalikan, dan bila ia merasa belum membayar arahkan ke kantor Samsat dengan STNK.",
    ),
    (
        "STNK_RENEWAL_DUE",
        "Waktunya ganti STNK lima tahunan",
        "STNK kendaraan ini harus diperpanjang lima tahunan dengan cek fisik; warga perlu ke kantor Samsat induk dengan kendaraan, STNK, BPKB, dan KTP.",
    ),
    (
        "LATE_OVER_LIMIT",
        "Terlambat terlalu lama",
        "Keterlambatannya melebihi batas yang dilayani di loket; warga perlu ke kantor Samsat induk dengan STNK, BPKB, dan KTP.",
    ),
    (
        "BLOCKED_SOLD",
        "Diblokir: sudah dilaporkan terjual",
        "Pemilik lama telah melaporkan kendaraan ini terjual; pemilik sekarang perlu balik nama di kantor Samsat induk dengan BPKB, STNK, KTP, dan kuitansi jual beli.",
    ),
    (
        "BLOCKED_ETLE",
        "Diblokir: ada tilang elektronik",
        "Ada tilang elektronik yang belum diselesaikan; warga perlu membayar dendanya lewat laman ETLE atau kantor Satlantas, lalu datang lagi dengan STNK.",
    ),
    (
        "BLOCKED_LEGAL",
        "Diblokir secara hukum",
        "Kendaraan ini diblokir atas permintaan penyidik, pengadilan, atau pemberi kredit; warga perlu menanyakannya ke kantor Samsat induk dengan STNK dan KTP.",
    ),
    (
        "CORPORATE",
        "Kendaraan badan usaha",
        "Kendaraan atas nama badan usaha tidak dilayani di loket; pengurusnya perlu ke kantor Samsat induk dengan STNK dan surat kuasa.",
    ),
    (
        "TRANSFER_PENDING",
        "Sedang balik nama atau mutasi",
        "Balik nama atau mutasi kendaraan ini belum selesai; warga perlu menyelesaikannya dahulu di kantor Samsat induk dengan berkas yang sudah diajukan.",
    ),
    (
        "DEREGISTERED",
        "Sudah dihapus dari daftar",
        "Registrasi kendaraan ini telah dihapus sehingga pajaknya tidak dapat dibayar; warga perlu menanyakannya ke kantor Samsat induk dengan STNK dan BPKB.",
    ),
    (
        "PARTLY_PAID",
        "Baru terbayar sebagian",
        "Satu pihak (Bapenda atau Jasa Raharja) sudah dibayar dan yang lain belum; warga perlu ke kantor Samsat induk dengan STNK dan bukti bayar yang ada.",
    ),
    (
        "QUOTE_CONTRADICTS",
        "Tagihan tidak cocok",
        "Jawaban Bapenda dan Jasa Raharja saling bertentangan sehingga uang tidak boleh diterima; mohon coba lagi, dan bila tetap begini arahkan warga ke kantor Samsat induk dengan STNK.",
    ),
    (
        "TOO_MANY_ATTEMPTS",
        "Terlalu banyak salah ketik",
        "Loket ini terlalu sering salah mengetik nomor polisi atau nomor rangka dalam satu jam; mohon tunggu sebentar, lalu ketik pelan-pelan dari STNK warga.",
    ),
];

/// Why a payment does not come about. No sentence leaves open who has the money.
const OF_PAYMENT: &[(&str, &str, &str)] = &[
    (
        "UPSTREAM_UNAVAILABLE",
        "Bapenda atau Jasa Raharja tidak menjawab",
        "Sambungan ke Bapenda atau Jasa Raharja sedang terganggu; jangan terima uang dahulu (yang sudah diterima dikembalikan) dan mintalah warga menunggu atau datang lagi nanti dengan STNK.",
    ),
    (
        "END_OF_DAY",
        "Sedang tutup buku harian",
        "Bapenda atau Jasa Raharja sedang menutup buku hari ini; jangan terima uang dahulu dan mintalah warga menunggu beberapa menit.",
    ),
    (
        "QUOTE_EXPIRED BILL_EXPIRED",
        "Tagihan kedaluwarsa",
        "Tagihan ini sudah lewat masa berlakunya dan belum dibayar; kembalikan uang atau minta warga menunggu, lalu cari lagi kendaraannya untuk tagihan yang baru.",
    ),
    (
        "AMOUNT_DIFFERS AMOUNT_MISMATCH",
        "Jumlah berbeda dari tagihan",
        "Jumlah yang dikirim bukan jumlah tagihan sehingga tidak dibayar; kembalikan uang atau minta warga menunggu, lalu cari lagi kendaraannya.",
    ),
    (
        "BILL_NOT_FOUND",
        "Tagihan tidak dikenal lagi",
        "Bapenda atau Jasa Raharja tidak mengenal tagihan ini lagi dan belum dibayar; kembalikan uang atau minta warga menunggu, lalu cari lagi kendaraannya.",
    ),
    (
        "FLOAT_INSUFFICIENT",
        "Saldo loket tidak cukup",
        "Saldo titipan loket tidak cukup untuk tagihan ini; kembalikan uang warga, arahkan ke loket lain, dan minta penyelia mengisi saldo.",
    ),
    (
        "DAILY_LIMIT",
        "Batas harian loket tercapai",
        "Tagihan ini melewati batas penerimaan loket untuk hari ini; kembalikan uang warga, arahkan ke loket lain atau minta datang besok, dan kabari penyelia.",
    ),
    (
        "EXPOSURE_LIMIT",
        "Terlalu banyak yang sedang dipastikan",
        "Pembayaran loket yang sedang dipastikan sudah mencapai batasnya; kembalikan uang warga dan mintalah ia menunggu sampai sebagian sudah jelas, atau arahkan ke loket lain.",
    ),
    (
        "DRAWER_CLOSED",
        "Laci belum dibuka",
        "Laci Anda belum dibuka sehingga uang belum boleh diterima; buka dahulu lewat menu Laci, lalu kirim lagi dari halaman ini.",
    ),
    (
        "VEHICLE_BUSY",
        "Sedang dibayar di tempat lain",
        "Pembayaran lain untuk kendaraan ini masih dipastikan; kembalikan uang warga dan mintalah ia menunggu hasil pembayaran yang pertama, jangan bayar dua kali.",
    ),
    (
        "LOOKUP_NOT_FOUND",
        "Tagihan tidak ada",
        "Tagihan ini tidak ada di loket Anda; mohon cari lagi kendaraannya dari nomor polisi dan jangan terima uang sebelum tagihan tampil.",
    ),
    (
        "KEY_REUSED",
        "Kunci pembayaran sudah dipakai",
        "Kunci ini sudah dipakai untuk pembayaran lain; tahan uangnya, buka daftar Hari ini, dan lihat keadaan pembayaran kendaraan ini di sana.",
    ),
    (
        "IN_PROGRESS",
        "Masih dikerjakan",
        "Pembayaran ini masih dikerjakan; tahan uangnya dan mintalah warga menunggu sampai halaman ini berubah.",
    ),
    (
        "UNAVAILABLE INTERNAL",
        "Belum dapat dijawab",
        "Sistem belum dapat menjawab; simpan uangnya, mintalah warga menunggu, lalu muat ulang halaman ini: tidak akan terbayar dua kali.",
    ),
    (
        "CANCELLED",
        "Dibatalkan sebelum dibayar",
        "Pembayaran dibatalkan atas permintaan loket dan tidak pernah dibukukan; kembalikan uang warga, dan ia boleh membayar lagi kapan saja.",
    ),
    (
        "WITHDRAWN",
        "Dilepas sebelum sampai",
        "Pembayaran ini dilepas loket sebelum sampai dan tidak akan dibayarkan lagi; kembalikan uang warga, dan ia boleh membayar lagi dengan tagihan baru.",
    ),
    (
        "NOT_BOOKED",
        "Tidak dibukukan",
        "Pembayaran ini dipastikan tidak pernah dibukukan; kembalikan uang warga, dan ia boleh membayar lagi kapan saja.",
    ),
    (
        "REVERSED_THERE",
        "Dibatalkan oleh Bapenda",
        "Pembayaran ini telah dibatalkan di Bapenda; kembalikan uang warga dan arahkan ke kantor Samsat induk dengan bukti yang ada.",
    ),
];

/// Why a page does not do what was asked.
const OF_PAGE: &[(&str, &str, &str)] = &[
    (
        "FORBIDDEN",
        "Loket ditangguhkan",
        "Loket ini sedang ditangguhkan sehingga tidak dapat mencari atau membayar; arahkan warga ke loket lain dan hubungi Bapenda.",
    ),
    (
        "FORM_STALE",
        "Halaman sudah usang",
        "Halaman ini sudah usang atau tidak dikirim dari loket; mohon kembali ke loket dan ulangi, uang warga belum diapa-apakan.",
    ),
    (
        "BAD_REQUEST BODY_TOO_LARGE",
        "Isian tidak lengkap",
        "Isian tidak sampai dengan lengkap; mohon kembali ke loket dan ulangi, uang warga belum diapa-apakan.",
    ),
    (
        "METHOD_NOT_ALLOWED",
        "Alamat ini tidak dibuka begitu",
        "Halaman ini hanya dapat dibuka dari tombol di loket; mohon kembali ke loket dan mulai lagi.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes of the protocol, of the API, and those that end up on a refused payment.
    const CODES: [&str; 44] = [
        "NOT_FOUND",
        "OUTSIDE_JATIM",
        "CHASSIS_MISMATCH",
        "NOT_YET_PAYABLE",
        "ALREADY_PAID",
        "STNK_RENEWAL_DUE",
        "LATE_OVER_LIMIT",
        "BLOCKED_SOLD",
        "BLOCKED_ETLE",
        "BLOCKED_LEGAL",
        "CORPORATE",
        "TRANSFER_PENDING",
        "DEREGISTERED",
        "END_OF_DAY",
        "BILL_EXPIRED",
        "AMOUNT_MISMATCH",
        "BILL_NOT_FOUND",
        "INVALID_PLATE",
        "INVALID_CHASSIS",
        "PARTLY_PAID",
        "QUOTE_CONTRADICTS",
        "UPSTREAM_UNAVAILABLE",
        "TOO_MANY_ATTEMPTS",
        "KEY_REUSED",
        "IN_PROGRESS",
        "QUOTE_EXPIRED",
        "AMOUNT_DIFFERS",
        "FLOAT_INSUFFICIENT",
        "DAILY_LIMIT",
        "EXPOSURE_LIMIT",
        "DRAWER_CLOSED",
        "VEHICLE_BUSY",
        "LOOKUP_NOT_FOUND",
        "FORBIDDEN",
        "BAD_REQUEST",
        "BODY_TOO_LARGE",
        "INTERNAL",
        "UNAVAILABLE",
        "CANCELLED",
        "WITHDRAWN",
        "NOT_BOOKED",
        "REVERSED_THERE",
        "FORM_STALE",
        "METHOD_NOT_ALLOWED",
    ];

    #[test]
    fn every_code_has_one_sentence_of_its_own_that_says_what_to_do() {
        for code in CODES {
            let words = words(code);
            assert_eq!(words.unknown, None, "{code}");
            assert!(
                words.sentence.ends_with('.') && !words.sentence.trim_end_matches('.').contains(". "),
                "{code}"
            );
            assert!((60..260).contains(&words.sentence.len()), "{code}: {}", words.sentence.len());
            assert!(
                words.sentence.contains("; ") || words.sentence.contains("sehingga"),
                "{code}: what to do"
            );
        }
    }

    #[test]
    fn a_code_that_nobody_knows_is_shown_beside_its_sentence() {
        assert_eq!(words("BLOCKED_BY_MARS").unknown.as_deref(), Some("BLOCKED_BY_MARS"));
    }
}
