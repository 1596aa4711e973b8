console.log("prepare: nothing yet", process.version);
