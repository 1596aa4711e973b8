// Process: callers of the REST interface.
import { loadApi } from "./api-load.ts";
import { serve } from "./process.ts";
import type { ApiGenerator } from "./targets.ts";

serve<ApiGenerator>({ load: loadApi });
