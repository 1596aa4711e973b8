const form = document.querySelector("#form");
const problem = document.querySelector("#problem");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void signIn();
});

async function signIn() {
  problem.textContent = "";
  const token = new FormData(form).get("token");
  try {
    const response = await fetch("/sign-in", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    });
    if (response.ok) location.assign("/");
    else problem.textContent = (await response.json()).detail;
  } catch {
    problem.textContent = "wattlog does not answer. Is it still running?";
  }
}
