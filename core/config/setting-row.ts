// One row of the table of settings.
type Kind = "text" | "port" | "integer" | "boolean" | "choice" | "folder";

export interface SettingRow {
  readonly env: string;
  readonly kind: Kind;
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** As text, as it would stand in the environment; "" means unset. */
  readonly fallback: string;
  readonly unit: string;
  readonly sentence: string;
  readonly secret?: boolean;
}
