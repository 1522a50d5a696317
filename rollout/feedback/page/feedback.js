// Offers the feedback form on a page: <script src="/.goodstate/feedback.js" defer></script>. It sends nothing by itself. The form opens in
// a dialog; an element with the attribute data-goodstate-feedback opens it, and where the page has none a button is put into the corner.
"use strict";
(() => {
  const base = new URL(".", document.currentScript.src);
  let release = "";
  for (const entry of performance.getEntriesByType("navigation")) {
    for (const timing of entry.serverTiming || []) if (timing.name === "goodstate") release = timing.description;
  }
  const address = () => {
    const url = new URL("feedback", base);
    url.searchParams.set("page", location.pathname);
    if (release) url.searchParams.set("release", release);
    return url.href;
  };
  const open = (event) => {
    event.preventDefault();
    const dialog = document.createElement("dialog");
    const frame = document.createElement("iframe");
    const close = document.createElement("button");
    frame.title = "Feedback";
    frame.src = address();
    Object.assign(frame.style, { width: "min(34rem, 85vw)", height: "min(38rem, 75vh)", border: "0", display: "block" });
    close.textContent = "Close";
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    dialog.append(close, frame);
    document.body.append(dialog);
    dialog.showModal();
  };
  const offer = () => {
    let buttons = [...document.querySelectorAll("[data-goodstate-feedback]")];
    if (buttons.length === 0) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Feedback";
      button.setAttribute("data-goodstate-feedback", "");
      Object.assign(button.style, { position: "fixed", right: "1rem", bottom: "1rem", zIndex: "2147483000", font: "600 1rem system-ui, sans-serif", color: "#fff", background: "#1b5fa8", border: "0", borderRadius: ".3rem", padding: ".5rem 1rem", cursor: "pointer" });
      document.body.append(button);
      buttons = [button];
    }
    for (const button of buttons) button.addEventListener("click", open);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", offer);
  else offer();
})();
