"""All settings, from the environment, in one file. It runs from a bare checkout; production is the same file with
DATABASE_URL, REDIS_URL, ALLOWED_HOSTS, SECRET_KEY and CONSULT_FIELD_KEYS set. README.md lists every variable.
"""

from __future__ import annotations

import os
from pathlib import Path

import environ
from csp.constants import NONE, SELF

from consult import secret

env = environ.Env()
ROOT = Path(__file__).resolve().parent.parent
VAR = Path(env.str("CONSULT_VAR", default=str(ROOT / "var")))

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no hub is ever asked, whatever a library would like

# Who may reach us, and how
PRODUCTION = env.bool("CONSULT_PRODUCTION", default=False)
DEBUG = env.bool("DEBUG", default=False)
HTTPS = env.bool("CONSULT_HTTPS", default=PRODUCTION)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
SITE_ORIGINS = env.list("CONSULT_ORIGINS", default=[])  # full origins; empty: only the page's own host is accepted
TRUSTED_PROXIES = env.int("CONSULT_TRUSTED_PROXIES", default=0)
CSRF_TRUSTED_ORIGINS = SITE_ORIGINS
SECRET_KEY = env.str("SECRET_KEY", default="") or secret.site_key(VAR, may_create=not PRODUCTION)
FIELD_KEYS = secret.field_keys(env.str("CONSULT_FIELD_KEYS", default=""), VAR, may_create=not PRODUCTION)

# What this clinic is
SITE_NAME = env.str("CONSULT_SITE_NAME", default="Consult")
SITE_URL = env.str("CONSULT_URL", default=(SITE_ORIGINS or [f"http://127.0.0.1:{env.str('PORT', default='8000')}"])[0])
COUNTRY = env.str("CONSULT_COUNTRY", default="")  # ISO code; "" shows the generic wording, never a wrong number
URGENT_POLICY = env.str("CONSULT_URGENT_POLICY", default="supervised")  # or "card": answer goes out with a card
MESSAGES_PER_MINUTE = env.int("CONSULT_MESSAGES_PER_MINUTE", default=12)
MESSAGE_MAX_CHARS = env.int("CONSULT_MESSAGE_MAX_CHARS", default=4000)
REPLY_LEASE_S = env.int("CONSULT_REPLY_LEASE_S", default=12)
REPLY_MAX_ATTEMPTS = 3
REPLY_MAX_S = env.int("CONSULT_REPLY_MAX_S", default=180)
FRAME_MAX_BYTES = 65536
ATTACHMENT_DIR = VAR / "attachments"
ATTACHMENT_MAX_BYTES = env.int("CONSULT_ATTACHMENT_MAX_MIB", default=10) * 2**20
ATTACHMENT_MAX_PIXELS = 50_000_000
ATTACHMENT_MAX_PAGES = env.int("CONSULT_ATTACHMENT_MAX_PAGES", default=20)
ATTACHMENTS_PER_DAY = env.int("CONSULT_ATTACHMENTS_PER_DAY", default=20)  # of one patient
ATTACHMENT_UNSENT_DAYS = 7
ATTACHMENT_LEASE_S = 300  # longer than a child may take
ATTACHMENT_MAX_ATTEMPTS = 2
DEMO = env.bool("CONSULT_DEMO", default=not PRODUCTION)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "django_htmx",
    "django_cotton",
    "heroicons",
    "allauth",
    "allauth.account",
    "accounts",
    "consult.library",
    "consult.chat",
    "consult.review",
    "consult.console",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "consult.middleware.PrivatePages",
]

ROOT_URLCONF = "consult.urls"
ASGI_APPLICATION = "consult.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "consult.context.site",
            ],
        },
    }
]

# Data
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE: a writer waits its turn at BEGIN instead of failing with "database is locked" at its first write.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 0  # under ASGI a thread's connection may never see the end of a request
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Rate limits and sessions live in the database: an emergency answer must not need the broker (promise P3).
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = env.int("CONSULT_SESSION_S", default=12 * 3600)
FRESH_SIGN_IN_S = 600  # after that, a copy of a conversation asks for the password again
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"

# Broker and live channel
REDIS_URL = env.str("REDIS_URL", default=f"unix://{VAR / 'run' / 'valkey.sock'}")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None, "socket_connect_timeout": 2}]},
    }
}
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://")

# The model; the whole of it is read by llm.config
MODEL_NAMES = ("CONSULT_MODEL", "CONSULT_ADAPTER", "CONSULT_LLM_")
MODEL_ENV = {
    "CONSULT_MODEL": str(VAR / "models" / "smollm2-135m-instruct"),
    **{key: value for key, value in os.environ.items() if key.startswith(MODEL_NAMES)},
}
MODEL_LANGUAGES = env.list("CONSULT_MODEL_LANGUAGES", default=["en"])  # others are answered by the passages themselves
INDEX_DIR = VAR / "index"
INGEST_DIR = VAR / "ingest"  # files that an administrator lets a worker ingest

# People
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
SIGN_UP = env.str("CONSULT_SIGN_UP", default="username")  # or "email": then the address is asked for and verified
BY_EMAIL = SIGN_UP == "email"
ACCOUNT_LOGIN_METHODS = {"email"} if BY_EMAIL else {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"] if BY_EMAIL else ["username*", "email", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if BY_EMAIL else "none"
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.AgeForm"
ACCOUNT_USERNAME_MIN_LENGTH = 3
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
MINIMUM_AGE = env.int("CONSULT_MINIMUM_AGE", default=16)
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
# Where addresses are not verified, "strict" takes one that somebody else has, too: it must not tell that it is known.
ACCOUNT_PREVENT_ENUMERATION = True if BY_EMAIL else "strict"
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="django.core.mail.backends.console.EmailBackend")
if "EMAIL_URL" in os.environ:
    globals().update(env.email("EMAIL_URL"))  # smtp+tls://user:password@host:587
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("CONSULT_MAIL_FROM", default="consult@localhost")
CONSENT_VERSION = "2026-11-23"

# Languages and files
LANGUAGE_CODE = env.str("CONSULT_LANGUAGE", default="en")
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [ROOT / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [ROOT / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "consult.static.ModuleManifestStorage"},
}

# What a browser may do with our pages
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "worker-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/"]
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 262144
# A letter that somebody sends must not lie in a temporary file in the clear: bodies stay in memory, and are no larger.
BODY_MAX_BYTES = ATTACHMENT_MAX_BYTES + 65536
FILE_UPLOAD_MAX_MEMORY_SIZE = BODY_MAX_BYTES
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SILENCED_SYSTEM_CHECKS: list[str] = []

# Logs: names and ids only. Redaction is a second line, for what a library may put into a message.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "consult.redact.Redact"}},
    "formatters": {
        "line": {"()": "consult.redact.OneLine", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["redact"]}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.server": {"handlers": ["stderr"], "propagate": False},
        "fontTools": {"level": "ERROR"},  # it tells which characters a document holds
    },
}
