// Which CertificateAuthority the settings ask for.
import type { Settings } from "../../core/config/settings.ts";
import type { CertificateAuthority } from "../../core/ports/ports.ts";
import { WattlogError } from "../../core/runtime/errors.ts";

type AuthoritySettings = Pick<Settings, "caCertFile" | "caKeyFile" | "caValidDays">;

async function open(settings: AuthoritySettings, now: () => number): Promise<CertificateAuthority> {
  // Its libraries are loaded by those who sign only.
  const { openLocalAuthority } = await import("./local-authority.ts");
  const { caCertFile: certificateFile, caKeyFile: keyFile, caValidDays: validDays } = settings;
  return openLocalAuthority({ certificateFile, keyFile, validDays, now });
}

/** At the start, so that wrong files are said then. @throws WattlogError `config/invalid` */
export async function checkAuthority(settings: AuthoritySettings): Promise<void> {
  const files = [settings.caCertFile, settings.caKeyFile].filter((file) => file !== "");
  if (files.length === 0) return;
  if (files.length === 1) {
    throw new WattlogError(
      "config/invalid",
      "WATTLOG_CA_CERT_FILE and WATTLOG_CA_KEY_FILE are set together or not at all.",
    );
  }
  await open(settings, Date.now);
}

/** @returns undefined where none is set; opened with the first request. */
export function authorityOf(settings: AuthoritySettings, now: () => number): CertificateAuthority | undefined {
  if (settings.caCertFile === "") return undefined;
  let opened: Promise<CertificateAuthority> | undefined;
  return {
    async sign(request) {
      opened ??= open(settings, now);
      return (await opened).sign(request);
    },
  };
}
