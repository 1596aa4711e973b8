// SignedData of a CDR (2.2.1, 10.4.8): what the meter signed, for whoever shows it to the driver.
import { keyBytes } from "../../core/metering/public-key.ts";
import { readSignedValue } from "../../core/metering/signed-value.ts";
import type { Cdr } from "../../core/records/domain-event.ts";
import type { Members } from "./values.ts";

/** As OCPI's table of known implementations names them. */
const methods = { OCMF: "OCMF", EDL_40_SIG: "EDL40 E-Mobility Extension" } as const;
/** OCPI's string(5000) and string(512). */
const longestValue = 5_000;
const longestKey = 512;

/**
 * Of one format, that of the first; what is of none that is known here, or longer than OCPI takes, is not told.
 * @returns nothing where nothing is left.
 */
export function signedDataOf({ signed = [] }: Pick<Cdr, "signed">): Members {
  const values = signed.map((one) => ({ ...one, value: readSignedValue(one.data) }));
  const format = values.find(({ value }) => value.format !== null)?.value.format;
  if (!format) return {};
  const told = values.flatMap(({ nature, value: { format: of, text } }) => {
    const encoded = Buffer.from(text).toString("base64");
    const fits = of === format && encoded.length <= longestValue;
    return fits ? [{ nature, plain_data: text, signed_data: encoded }] : [];
  });
  if (told.length === 0) return {};
  // One that the register vouches for, else one that came with a value.
  const keys = [...values.map(({ publicKey }) => publicKey), ...values.map(({ value }) => value.publicKey)];
  const key = keyBytes(keys.find((one) => one !== null) ?? "")?.toString("base64");
  return {
    signed_data: {
      encoding_method: methods[format],
      ...(key !== undefined && key.length <= longestKey ? { public_key: key } : {}),
      signed_values: told,
    },
  };
}
