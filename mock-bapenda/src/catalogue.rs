//! Names and models that the registry draws from; nothing here is a real person or a real valuation.

/// A kind of vehicle on sale: make, model, class, weight (bobot) in thousandths, price when new, engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model {
    pub(crate) make: &'static str,
    pub(crate) name: &'static str,
    pub(crate) class: &'static str,
    pub(crate) weight_permille: u64,
    /// NJKB of this year's model, in rupiah.
    pub(crate) njkb_new: u64,
    pub(crate) cylinder_cc: u64,
    pub(crate) energy: &'static str,
}

const fn model(
    names: (&'static str, &'static str),
    class: &'static str,
    weight_permille: u64,
    njkb_new: u64,
    engine: (u64, &'static str),
) -> Model {
    Model {
        make: names.0,
        name: names.1,
        class,
        weight_permille,
        njkb_new,
        cylinder_cc: engine.0,
        energy: engine.1,
    }
}

/// Motorcycles up to 250 cc, four vehicles in five.
pub(crate) const MOTORCYCLES: &[Model] = &[
    model(("HONDA", "VARIO 160"), "C1", 1000, 22_500_000, (157, "ICE")),
    model(("HONDA", "BEAT"), "C1", 1000, 14_800_000, (110, "ICE")),
    model(("HONDA", "SUPRA X 125"), "C1", 1000, 16_200_000, (125, "ICE")),
    model(("HONDA", "PCX 160"), "C1", 1000, 27_300_000, (157, "ICE")),
    model(("YAMAHA", "NMAX 155"), "C1", 1000, 26_400_000, (155, "ICE")),
    model(("YAMAHA", "MIO M3"), "C1", 1000, 14_100_000, (125, "ICE")),
    model(("SUZUKI", "SATRIA F150"), "C1", 1000, 21_700_000, (147, "ICE")),
    model(("KAWASAKI", "KLX 150"), "C1", 1000, 28_900_000, (144, "ICE")),
    model(("VIAR", "KARYA 200"), "C1", 1000, 24_600_000, (197, "ICE")),
];

pub(crate) const BATTERY_MOTORCYCLES: &[Model] = &[
    model(("GESITS", "G1"), "C1", 1000, 21_300_000, (0, "BEV")),
    model(("POLYTRON", "FOX R"), "C1", 1000, 15_700_000, (0, "BEV")),
    model(("HONDA", "EM1 E"), "C1", 1000, 25_800_000, (0, "BEV")),
];

pub(crate) const LARGE_MOTORCYCLES: &[Model] = &[
    model(("KAWASAKI", "NINJA 650"), "C2", 1000, 151_000_000, (649, "ICE")),
    model(("HONDA", "REBEL 500"), "C2", 1000, 138_500_000, (471, "ICE")),
    model(("YAMAHA", "MT-07"), "C2", 1000, 187_000_000, (689, "ICE")),
];

pub(crate) const CARS: &[Model] = &[
    model(("TOYOTA", "AVANZA 1.5 G"), "DP", 1050, 178_000_000, (1496, "ICE")),
    model(("DAIHATSU", "XENIA 1.3 R"), "DP", 1050, 161_000_000, (1329, "ICE")),
    model(("MITSUBISHI", "XPANDER ULTIMATE"), "DP", 1050, 214_000_000, (1499, "ICE")),
    model(("HONDA", "CITY RS"), "DP", 1025, 263_000_000, (1498, "ICE")),
    model(("TOYOTA", "KIJANG INNOVA ZENIX HYBRID"), "DP", 1050, 342_000_000, (1987, "HEV")),
    model(("MITSUBISHI", "OUTLANDER PHEV"), "DP", 1050, 611_000_000, (2360, "PHEV")),
    model(("SUZUKI", "CARRY PICK UP"), "DP", 1085, 121_000_000, (1462, "ICE")),
    model(("DAIHATSU", "GRAN MAX BLIND VAN"), "DP", 1085, 132_000_000, (1495, "ICE")),
];

pub(crate) const BATTERY_CARS: &[Model] = &[
    model(("WULING", "AIR EV"), "DP", 1050, 189_000_000, (0, "BEV")),
    model(("HYUNDAI", "IONIQ 5"), "DP", 1050, 598_000_000, (0, "BEV")),
    model(("BYD", "M6"), "DP", 1050, 306_000_000, (0, "BEV")),
];

pub(crate) const BUSES: &[Model] = &[
    model(("HINO", "RK8"), "EP", 1100, 718_000_000, (7684, "ICE")),
    model(("TOYOTA", "HIACE COMMUTER"), "EP", 1085, 389_000_000, (2755, "ICE")),
    model(("ISUZU", "ELF NLR MICROBUS"), "EP", 1085, 331_000_000, (2771, "ICE")),
];

pub(crate) const TRUCKS: &[Model] = &[
    model(("MITSUBISHI", "COLT DIESEL FE 74"), "F", 1300, 338_000_000, (3908, "ICE")),
    model(("HINO", "DUTRO 130 HD"), "F", 1300, 352_000_000, (4009, "ICE")),
    model(("HINO", "RANGER FM 260"), "F", 1400, 842_000_000, (7684, "ICE")),
];

pub(crate) const PUBLIC_CARS: &[Model] = &[
    model(("SUZUKI", "CARRY MIKROLET"), "DU", 1050, 116_000_000, (1493, "ICE")),
    model(("TOYOTA", "TRANSMOVER"), "DU", 1050, 148_000_000, (1329, "ICE")),
];

pub(crate) const PUBLIC_BUSES: &[Model] = &[
    model(("MERCEDES-BENZ", "OH 1626"), "EU", 1100, 903_000_000, (6374, "ICE")),
    model(("ISUZU", "ELF NLR ANGKUTAN"), "EU", 1085, 325_000_000, (2771, "ICE")),
];

pub(crate) const SMALL_AND_EXEMPT: &[Model] = &[
    model(("YAMAHA", "VINO 50"), "A", 1000, 5_300_000, (49, "ICE")),
    model(("HONDA", "MONKEY 50"), "A", 1000, 4_700_000, (49, "ICE")),
];

pub(crate) const FIRST_NAMES: &[&str] = &[
    "SITI",
    "AHMAD",
    "MUHAMMAD",
    "NUR",
    "SRI",
    "DEWI",
    "AGUS",
    "BUDI",
    "SLAMET",
    "KHOIRUL",
    "ABDUL",
    "ENDANG",
    "LILIK",
    "SUPRIYADI",
    "MOCH",
    "FATIMAH",
    "ANIS",
    "WAHYU",
    "EKO",
    "INDAH",
    "HASAN",
    "ZAINAL",
    "RATNA",
    "YULI",
];

pub(crate) const LAST_NAMES: &[&str] = &[
    "AMINAH",
    "SANTOSO",
    "HIDAYAT",
    "ROHMAN",
    "WAHYUNI",
    "LESTARI",
    "SETIAWAN",
    "FAUZI",
    "MAULANA",
    "HANDAYANI",
    "PRASETYO",
    "RAHAYU",
    "SUSANTO",
    "KHASANAH",
    "NUGROHO",
    "ISMAIL",
    "MUKAROMAH",
    "WIBOWO",
    "SAPUTRA",
    "UTAMI",
];

/// All kabupaten and kota of East Java by their Kemendagri codes: 3501–3529 and 3571–3579.
pub(crate) const REGIONS: &[&str] = &[
    "3501", "3502", "3503", "3504", "3505", "3506", "3507", "3508", "3509", "3510", "3511", "3512", "3513",
    "3514", "3515", "3516", "3517", "3518", "3519", "3520", "3521", "3522", "3523", "3524", "3525", "3526",
    "3527", "3528", "3529", "3571", "3572", "3573", "3574", "3575", "3576", "3577", "3578", "3579",
];
