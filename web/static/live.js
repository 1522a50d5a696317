// Keeps the moving part of a page fresh. The server makes it; nothing is decided here.
"use strict";
(() => {
  const region = document.getElementById("live");
  const line = document.getElementById("stream");
  if (!region || !window.EventSource) return;

  // The key of a node among its siblings; nodes without one are matched in their order.
  const keyOf = (n) => n.nodeType === 1 ? n.id || n.getAttribute("data-key") || "" : "";

  // What a person did to a page stays: details that they opened, what they typed, where the cursor is.
  const persons = (n, name) => name === "open" && n.nodeName === "DETAILS" || (name === "value" || name === "checked" || name === "selected") && /^(INPUT|OPTION|TEXTAREA)$/.test(n.nodeName);

  const attributes = (old, now) => {
    for (const a of [...old.attributes]) if (!now.hasAttribute(a.name) && !persons(old, a.name)) old.removeAttribute(a.name);
    for (const a of now.attributes) if (old.getAttribute(a.name) !== a.value && !persons(old, a.name)) old.setAttribute(a.name, a.value);
  };

  // morph makes the children of a node what another's are. Nodes that can stay do stay, so that focus, selection and scrolling are kept. Each node is looked at once.
  const morph = (old, now) => {
    const keyed = new Map();
    const rest = [];
    for (const n of old.childNodes) {
      const key = keyOf(n);
      if (key && !keyed.has(key)) keyed.set(key, n); else rest.push(n);
    }
    let used = 0;
    let at = old.firstChild;
    for (const want of [...now.childNodes]) {
      const key = keyOf(want);
      let have = key ? keyed.get(key) : undefined;
      if (have) keyed.delete(key);
      if (!key && used < rest.length) have = rest[used++];
      if (!have || have.nodeName !== want.nodeName) {
        old.insertBefore(want, at);
        if (have) { if (have === at) at = at.nextSibling; have.remove(); }
        continue;
      }
      if (have === at) at = at.nextSibling; else old.insertBefore(have, at);
      if (have.nodeType === 1) { attributes(have, want); morph(have, want); } else if (have.data !== want.data) have.data = want.data;
    }
    for (const n of keyed.values()) n.remove();
    for (; used < rest.length; used++) rest[used].remove();
  };

  const stream = new EventSource(location.href);
  const say = (text) => { if (line && line.textContent !== text) line.textContent = text; };
  stream.addEventListener("open", () => say("Live"));
  stream.addEventListener("live", (e) => {
    const fresh = document.createElement("template");
    fresh.innerHTML = e.data;
    morph(region, fresh.content);
  });
  stream.addEventListener("again", () => { stream.close(); location.reload(); });
  stream.addEventListener("error", () => say("The connection to the server is lost; trying again. What is shown may be old."));
})();
