// What a page does beyond its forms. Everything works without this file; with it, answers stream in and sources open in
// place. It asks the server for nothing while no answer is under way, so that the app can sleep under an open page.
"use strict";

(() => {
  const turns = document.getElementById("turns");
  const box = document.getElementById("question");
  const announcer = document.getElementById("announcer");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const fragment = { "X-Fragment": "1" };
  const following = new Map(); // turn id -> EventSource

  const announce = (text) => { announcer.textContent = text; };

  const element = (html) => {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    return holder.content.firstElementChild;
  };

  // --- Following an answer -------------------------------------------------------------------------------------------

  const progress = (article, text, action) => {
    const line = article.querySelector(".progress");
    if (!line) return;
    line.textContent = text;
    line.classList.toggle("still", Boolean(action));
    if (action) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet";
      button.textContent = action.label;
      button.addEventListener("click", action.run);
      line.append(" ", button);
    }
  };

  const unfollow = (turn) => {
    following.get(turn)?.close();
    following.delete(turn);
  };

  const follow = (article) => {
    const turn = article.dataset.turn;
    if (following.has(turn)) return;
    const source = new EventSource(`/stream/${turn}`);
    following.set(turn, source);

    source.addEventListener("progress", ({ data }) => {
      const { from, html, stage } = JSON.parse(data);
      const answer = article.querySelector(".answer");
      while (answer.children.length > from) answer.lastElementChild.remove();
      answer.insertAdjacentHTML("beforeend", html);
      progress(article, stage);
    });

    source.addEventListener("done", ({ data }) => {
      unfollow(turn);
      const { html, totals } = JSON.parse(data);
      const body = article.querySelector(".body");
      article.removeAttribute("data-running");
      body.innerHTML = html;
      body.setAttribute("aria-busy", "false");
      document.getElementById("totals")?.replaceWith(element(totals));
      // The way to ask again must not end up beneath the question's box.
      body.querySelector(".notice")?.scrollIntoView({ block: "nearest", behavior: "instant" });
      announce(body.querySelector(".notice") ? "There was no answer." : "The answer is there.");
    });

    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) {
        unfollow(turn);
        progress(article, "The connection to this answer was lost.", { label: "Reload", run: () => location.reload() });
      } else {
        progress(article, "The connection was lost; trying again…");
      }
    });
  };

  const stopFollowing = () => {
    for (const turn of [...following.keys()]) {
      unfollow(turn);
      const article = document.getElementById(`turn-${turn}`);
      if (!article) continue;
      progress(article, "You stopped following; the answer goes on being written.", {
        label: "Follow again",
        run: () => { progress(article, "Reading on…"); follow(article); },
      });
    }
    announce("Stopped following.");
  };

  // --- Asking --------------------------------------------------------------------------------------------------------

  const problem = (html) => {
    const place = document.getElementById("problem");
    if (place) place.innerHTML = html;
    box?.toggleAttribute("aria-invalid", Boolean(html));
  };

  const problemText = (text) => {
    const line = document.createElement("p");
    line.className = "problem";
    line.textContent = text;
    problem(line.outerHTML);
  };

  const ask = async (form, submitter) => {
    if (form.dataset.busy) return;
    form.dataset.busy = "1";
    problem("");
    try {
      const body = new URLSearchParams(new FormData(form, submitter));
      const response = await fetch("/ask", { method: "POST", body, headers: fragment });
      const html = await response.text();
      if (!response.ok) {
        if (html.includes("problem")) problem(html);
        else problemText("That did not work. Your question is still here: please ask again.");
        return;
      }
      const article = element(html);
      if (form.id === "composer") {
        box.value = "";
        count();
      }
      turns.querySelector(".empty")?.remove();
      turns.querySelector(":scope > .notice")?.remove();
      form.closest("article")?.remove();
      const shown = document.getElementById(article.id);
      if (shown) shown.replaceWith(article);
      else turns.append(article);
      const fold = form.closest("details.fold");
      if (fold && !wide.matches) fold.open = false;
      article.scrollIntoView({ block: "start", behavior: calm.matches ? "instant" : "smooth" });
      announce("Asked.");
      if ("running" in article.dataset) follow(article);
    } catch {
      problemText("This page cannot reach its server. Your question is still here: please ask again.");
    } finally {
      delete form.dataset.busy;
    }
  };

  // --- The question's box --------------------------------------------------------------------------------------------

  const count = () => {
    const place = document.getElementById("count");
    if (!box || !place) return;
    const [shortest, longest] = [Number(box.dataset.shortest), Number(box.dataset.longest)];
    const length = [...box.value.trim()].length;
    const words = (number) => number.toLocaleString("en-US");
    place.textContent = length === 0
      ? `${shortest} to ${words(longest)} characters`
      : `${words(length)} of ${words(longest)} characters`;
    place.classList.toggle("over", length > longest);
  };

  box?.addEventListener("input", () => { count(); problem(""); });
  box?.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      box.form.requestSubmit();
    }
  });

  // --- Sources and status --------------------------------------------------------------------------------------------

  const openSource = async (link) => {
    const body = link.closest(".source-body");
    const open = body.querySelector(".around");
    if (open) {
      open.remove();
      link.setAttribute("aria-expanded", "false");
      return;
    }
    const around = document.createElement("div");
    around.className = "around";
    around.setAttribute("aria-live", "polite");
    around.textContent = "Fetching the passage…";
    body.append(around);
    link.setAttribute("aria-expanded", "true");
    try {
      const response = await fetch(link.href, { headers: fragment });
      around.innerHTML = await response.text();
    } catch {
      location.href = link.href;
    }
  };

  const check = async (form) => {
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const response = await fetch("/status");
      const section = element(await response.text());
      document.getElementById("backend").replaceWith(section);
      announce(`Backend: ${section.querySelector(".status").textContent}`);
      section.querySelector("button").focus();
    } catch {
      button.disabled = false;
      announce("This page cannot reach its server.");
    }
  };

  // A citation leads into an expander that may be closed.
  const reveal = (id) => {
    const target = document.getElementById(id);
    if (!target) return;
    for (let at = target.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
    target.scrollIntoView({ block: "center", behavior: calm.matches ? "instant" : "smooth" });
    target.focus({ preventScroll: true });
  };

  // --- Everything that a page can receive ----------------------------------------------------------------------------

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (turns && form.matches("[data-ask]")) {
      event.preventDefault();
      ask(form, event.submitter);
    } else if (form.matches("[data-check]")) {
      event.preventDefault();
      check(form);
    }
  });

  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const source = event.target.closest("a[data-source]");
    const cite = event.target.closest("a.cite");
    if (source) {
      event.preventDefault();
      openSource(source);
    } else if (cite) {
      event.preventDefault();
      reveal(cite.hash.slice(1));
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && following.size > 0) stopFollowing();
  });

  document.documentElement.classList.add("has-script");
  // The style sheet shows the sidebar beside the page whether it is folded or not; assistive technology asks the element.
  const wide = matchMedia("(min-width: 60rem)");
  const unfold = () => { document.querySelector("details.fold").open = wide.matches; };
  wide.addEventListener("change", unfold);
  unfold();
  for (const link of document.querySelectorAll("a[data-source]")) link.setAttribute("aria-expanded", "false");
  for (const article of document.querySelectorAll("article[data-running]")) follow(article);
  count();
})();
