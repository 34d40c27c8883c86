// Posts the same answer again from our own site, and copies a reference. Pages work without it.
document.querySelector("form[data-submit]")?.submit();

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue; // only in secure contexts
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}
