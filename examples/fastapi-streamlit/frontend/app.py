"""A page with a session: what you click here is remembered, also through the app's sleep."""

import os

import requests
import streamlit as st

BACKEND = os.environ.get("BACKEND_URL", "http://backend:8000")

st.set_page_config(page_title="Climate", page_icon="🐭")
st.title("How warm is it there?")


def ask(path: str, method: str = "GET"):
    """The backend's answer, or a message where there is none."""
    try:
        answer = requests.request(method, f"{BACKEND}{path}", timeout=60)
        answer.raise_for_status()
        return answer.json()
    except requests.RequestException as error:
        st.error(f"The backend does not answer: {error}")
        return None


if "clicks" not in st.session_state:
    st.session_state.clicks = 0
    st.session_state.seen = []
    st.session_state.number = (ask("/sessions", "POST") or {}).get("session")

if st.session_state.number:
    st.caption(f"You are session {st.session_state.number} since the backend was started.")

cities = ask("/cities") or []
city = st.selectbox("City", cities)

if st.button("Click to ask") and city:
    st.session_state.clicks += 1
    answer = ask(f"/climate/{city}")
    if answer:
        st.session_state.seen.append(city)
        st.bar_chart(answer["months"])
        st.write(f"The backend has answered {answer['queries_so_far']} questions.")

st.write(f"Clicks in this session: {st.session_state.clicks}")
if st.session_state.seen:
    st.write("Asked for: " + ", ".join(st.session_state.seen))
