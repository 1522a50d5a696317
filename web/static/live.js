// Keeps the moving part of a page fresh. The server makes it; nothing is decided here.
"use strict";
(() => {
  const region = document.getElementById("live");
  const line = document.getElementById("stream");
  if (!region || !window.EventSource) return;
  const stream = new EventSource(location.href);
  const say = (text) => { if (line && line.textContent !== text) line.textContent = text; };
  stream.addEventListener("open", () => say("Live"));
  stream.addEventListener("live", (e) => {
    const open = [...region.querySelectorAll("details")].map((d) => d.open);
    region.innerHTML = e.data;
    region.querySelectorAll("details").forEach((d, i) => { d.open = Boolean(open[i]); });
  });
  stream.addEventListener("again", () => { stream.close(); location.reload(); });
  stream.addEventListener("error", () => say("The connection to the server is lost; trying again. What is shown may be old."));
})();
