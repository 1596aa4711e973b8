// Java-OCA-OCPP from Maven Central, and the station on it, compiled by the machine's own JDK.
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { installKit, kitFolder, runOrMissing, type Missing } from "./kit.ts";

const files = ["java/pom.xml", "java/Station16.java"];
const inJdk = (name: string) => (process.env["JAVA_HOME"] ? join(process.env["JAVA_HOME"], "bin", name) : name);

export interface JavaStation {
  readonly java: string;
  /** What comes before the station's own arguments. */
  readonly args: readonly string[];
}

/** @returns how to start the station, or the words of a skip. */
export async function javaStation(): Promise<JavaStation | Missing> {
  const kit = await installKit("java", files, async (folder) => {
    const howToGetJdk = "needs a JDK of 17 or newer: apt-get install openjdk-17-jdk-headless";
    await runOrMissing(inJdk("javac"), ["-version"], howToGetJdk);
    await runOrMissing("mvn", ["-v"], "needs Maven: apt-get install maven");
    cpSync(join(kitFolder, "java", "pom.xml"), join(folder, "pom.xml"));
    // Through a repository of its own, which goes again: it works whatever the home folder is like.
    const repository = join(folder, "repository");
    const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";
    const jars = join(folder, "jars");
    const args = ["-B", "-q", "-ntp", goal, `-DoutputDirectory=${jars}`, `-Dmaven.repo.local=${repository}`];
    const sentence = "needs Maven Central to get Java-OCA-OCPP once";
    await runOrMissing("mvn", [...args, "-DincludeScope=runtime"], sentence, { cwd: folder });
    rmSync(repository, { recursive: true });
    const classes = join(folder, "classes");
    mkdirSync(classes);
    const source = join(kitFolder, "java", "Station16.java");
    await runOrMissing(inJdk("javac"), ["-cp", join(jars, "*"), "-d", classes, source], howToGetJdk);
  });
  if ("missing" in kit) return kit;
  const path = [join(kit.folder, "classes"), join(kit.folder, "jars", "*")].join(":");
  const small = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
  return { java: inJdk("java"), args: [...small, "-cp", path, "Station16"] };
}
