// What the parts of pushing share.
import type { Store } from "../../../core/store/store.ts";
import type { ApiOptions, OcpiSettings } from "../../rest/context.ts";

export interface PushNeeds extends Pick<
  ApiOptions,
  "log" | "registry" | "clock" | "metrics" | "logger" | "runningPrices"
> {
  readonly store: Store;
  /** Asked for when there is a partner to send to: in one process the key is made by whoever adds the first. */
  readonly ocpi: () => OcpiSettings;
}
