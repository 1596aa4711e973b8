// OCPI's words in DATEX II v3.7, AFIR extension (namespaces afirEnergyInfrastructure and afirFacilities).

/** RefillPointStatusEnum. */
export const statuses: Readonly<Record<string, string>> = {
  AVAILABLE: "available",
  BLOCKED: "blocked",
  CHARGING: "charging",
  INOPERATIVE: "inoperative",
  OUTOFORDER: "outOfOrder",
  PLANNED: "planned",
  RESERVED: "reserved",
};

/** ConnectorTypeEnum; what is not here is `other`, with OCPI's word beside it. */
export const connectorTypes: Readonly<Record<string, string>> = {
  CHADEMO: "chademo",
  ...Object.fromEntries(
    "A B C D E F G H I J K L M N O".split(" ").map((type) => [`DOMESTIC_${type}`, `domestic${type}Type`]),
  ),
  IEC_60309_2_single_16: "iec60309x2single16",
  IEC_60309_2_three_16: "iec60309x2three16",
  IEC_60309_2_three_32: "iec60309x2three32",
  IEC_60309_2_three_64: "iec60309x2three64",
  IEC_62196_T1: "iec62196T1",
  IEC_62196_T1_COMBO: "iec62196T1COMBO",
  IEC_62196_T2: "iec62196T2",
  IEC_62196_T2_COMBO: "iec62196T2COMBO",
  IEC_62196_T3A: "iec62196T3A",
  IEC_62196_T3C: "iec62196T3C",
  MCS: "mcs",
  PANTOGRAPH_BOTTOM_UP: "pantographBottomUp",
  PANTOGRAPH_TOP_DOWN: "pantographTopDown",
  TESLA_R: "teslaR",
  TESLA_S: "teslaS",
};

/** AuthenticationAndIdentificationEnum, by OCPI's Capability. */
export const identifications: Readonly<Record<string, string>> = {
  CHIP_CARD_SUPPORT: "creditCard",
  CONTACTLESS_CARD_SUPPORT: "nfc",
  CREDIT_CARD_PAYABLE: "creditCard",
  DEBIT_CARD_PAYABLE: "debitCard",
  PED_TERMINAL: "pinpad",
  REMOTE_START_STOP_CAPABLE: "apps",
  RFID_READER: "rfid",
};

/** DayEnum, by OCPI's DayOfWeek and by its number (1: Monday). */
export const days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;

/** OCPI has ISO 3166-1 alpha-3, DATEX II alpha-2: the Union, its neighbours, and who charges there. */
const countries: Readonly<Record<string, string>> = Object.fromEntries(
  `ALB:AL AND:AD ARM:AM AUT:AT AZE:AZ BEL:BE BGR:BG BIH:BA BLR:BY CHE:CH CYP:CY CZE:CZ DEU:DE DNK:DK ESP:ES EST:EE FIN:FI FRA:FR
  GBR:GB GEO:GE GIB:GI GRC:GR HRV:HR HUN:HU IRL:IE ISL:IS ITA:IT LIE:LI LTU:LT LUX:LU LVA:LV MCO:MC MDA:MD MKD:MK MLT:MT MNE:ME
  NLD:NL NOR:NO POL:PL PRT:PT ROU:RO SMR:SM SRB:RS SVK:SK SVN:SI SWE:SE TUR:TR UKR:UA XKX:XK`
    .split(/\s+/)
    .map((pair) => pair.split(":")),
) as Record<string, string>;

/** @returns undefined where it is none of those; the schema does not require it. */
export function countryCode(alpha3: unknown): string | undefined {
  return typeof alpha3 === "string" ? countries[alpha3.toUpperCase()] : undefined;
}
