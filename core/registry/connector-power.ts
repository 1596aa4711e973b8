// What a connector of a location can give, by what the registry says of it.

/** OCPI 2.2.1 Connector (8.3.3): max_electric_power, else voltage to neutral by current by phases; 2.1.1 has no `max_`. */
export function connectorPowerW(connector: Readonly<Record<string, unknown>> | undefined): number | null {
  if (!connector) return null;
  const number = (...names: readonly string[]): number | null => {
    const value = names.map((name) => connector[name]).find((found) => typeof found === "number" && found > 0);
    return (value as number | undefined) ?? null;
  };
  const stated = number("max_electric_power");
  if (stated !== null) return stated;
  const [volts, amperes] = [number("max_voltage", "voltage"), number("max_amperage", "amperage")];
  if (volts === null || amperes === null) return null;
  return volts * amperes * (phases[String(connector["power_type"])] ?? 1);
}

const phases: Readonly<Record<string, number>> = { AC_3_PHASE: 3, AC_2_PHASE: 2, AC_2_PHASE_SPLIT: 2 };
