// Posts the same answer again from our own site, asks again, and copies a value. Pages work without it.
document.querySelector("form[data-submit]")?.submit();
if (document.querySelector("[data-again]")) setTimeout(() => location.reload(), 500);

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue; // only in secure contexts
  button.hidden = false;
  const says = button.textContent;
  button.addEventListener("click", async () => {
    const value = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(value.textContent);
    } catch {
      return getSelection().selectAllChildren(value); // it may not be copied for you, but is ready to be
    }
    button.textContent = button.dataset.copied ?? says;
    setTimeout(() => (button.textContent = says), 2000);
  });
}
