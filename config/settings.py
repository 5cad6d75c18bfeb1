"""Every setting of Lockstep, read once from the environment by typed readers.

`LOCKSTEP_MODE` is `development` (the default: demo secrets, sandbox gateways, no TLS) or `production`,
which refuses to start without real secrets and without its own PostgreSQL and Redis.
`make run` writes `.lockstep/env`; config/local/attach.py loads it before this file is read.
"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.utils.translation import gettext_lazy as _

from config import logs
from config.ground import env
from config.local import attach, interpreter

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = Path(env.text("LOCKSTEP_STATE", str(BASE_DIR / ".lockstep")))
attach.load(STATE_DIR)
interpreter.loading()  # until config/apps.py is ready

MODE = env.text("LOCKSTEP_MODE", "development")
PRODUCTION = MODE == "production"
DEBUG = env.flag("LOCKSTEP_DEBUG") and not PRODUCTION


def _secret(name: str, demo: str, hint: str) -> str:
    """A secret: required in production, a fixed demo value in development."""
    return env.text(name, None if PRODUCTION else demo, hint=hint)


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────
SECRET_KEY = _secret(
    "LOCKSTEP_SECRET_KEY",
    "development-only-secret-key-that-is-long-enough-for-every-check-0123456789",
    "Put 50 or more random characters there.",
)
# {key id: 32 bytes}; "id:hex,id:hex", the first one seals
VAULT_KEYS = {
    part.partition(":")[0]: bytes.fromhex(part.partition(":")[2])
    for part in _secret("LOCKSTEP_VAULT_KEYS", "demo:" + "5a" * 32, "id:64 hex digits, comma-separated.").split(",")
}
SEAL_KEY = bytes.fromhex(_secret("LOCKSTEP_SEAL_KEY", "7e" * 32, "64 hex digits: signs the log’s checkpoints."))
FINGERPRINT_KEY = bytes.fromhex(_secret("LOCKSTEP_FINGERPRINT_KEY", "c3" * 32, "64 hex digits."))

# ── address ──────────────────────────────────────────────────────────────────────────────────────
PUBLIC_URL = env.text("LOCKSTEP_PUBLIC_URL", None if PRODUCTION else "http://localhost:8000", hint="https://your.host")
_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = env.words("LOCKSTEP_HOSTS", _public.hostname or "") if PRODUCTION else ["*"]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
# addresses or networks whose X-Forwarded-For is believed (config/middleware.py)
TRUSTED_PROXIES = env.words("LOCKSTEP_TRUSTED_PROXIES", "" if PRODUCTION else "127.0.0.1,::1")
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576  # 1 MiB: no form and no API body of ours is larger; files stream
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
API_BODY_LIMIT = 1_048_576  # bytes, answered with 413 problem+json

# ── apps ─────────────────────────────────────────────────────────────────────────────────────────
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "config.apps.ConfigConfig",
    "tracking",
    "payments",
    "orders",
    "notifications",
    "config.apps.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "axes",
    "csp",
    "django_fsm",
    "django_htmx",
    "pgtrigger",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
]
MIDDLEWARE = [
    "config.health.ProbeMiddleware",
    "config.middleware.ClientMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.TraceMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.middleware.PrivateMiddleware",
    "config.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.AdminPolicyMiddleware",
    "config.middleware.ReadableMiddleware",
    "config.middleware.RefusalMiddleware",
    "axes.middleware.AxesMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "csp.context_processors.nonce",
                "config.context.product",
            ],
        },
    }
]

# ── PostgreSQL and Redis ─────────────────────────────────────────────────────────────────────────
DATABASE_URL = env.text(
    "DATABASE_URL", None if PRODUCTION else "postgresql://lockstep@localhost:5432/lockstep", hint="postgresql://…"
)
REDIS_URL = env.text("REDIS_URL", None if PRODUCTION else "redis://localhost:6379/0", hint="redis://…")


def _database(url: str) -> dict[str, object]:
    """Django's form of a postgresql:// address; `?host=/folder` names a unix socket."""
    parts = urlsplit(url)
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(query.get("host", "")) or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"application_name": env.text("LOCKSTEP_PROCESS", "lockstep")},
    }


DATABASES = {"default": _database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# ── people ───────────────────────────────────────────────────────────────────────────────────────
AUTH_USER_MODEL = "orders.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "orders.signin.PhoneOrNameBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account:signin"
LOGIN_REDIRECT_URL = "storefront:home"
LOGOUT_REDIRECT_URL = "storefront:home"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_TEMPLATE = "account/paused.html"
AXES_VERBOSE = False
AXES_USERNAME_CALLABLE = "orders.signin.tried_name"
AXES_IPWARE_PROXY_COUNT = None
ADMIN_NEEDS_TOTP = PRODUCTION

# ── support's desk (config/desk, config/admin.py) ────────────────────────────────────────────────
OTP_ADMIN_HIDE_SENSITIVE_DATA = True  # whoever sees the key of a second factor has it
UNFOLD = {
    "SITE_TITLE": "Lockstep",
    "SITE_HEADER": "Lockstep",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "config.desk.sections.favicon"}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "THEME": "config.desk.sections.chosen_theme",
    "BORDER_RADIUS": "8px",
    "STYLES": ["config.desk.sections.style_sheet"],
    "SCRIPTS": ["config.desk.sections.theme_script"],
    "SIDEBAR": {"navigation": "config.desk.sections.sidebar"},
    # the greys and the green of tokens.css, in unfold's steps from lightest to darkest
    "COLORS": {
        "base": {
            "50": "#f3f6f5", "100": "#e8edeb", "200": "#d3dbd8", "300": "#b9c6c2", "400": "#9aa8a3", "500": "#586561",
            "600": "#3f4d49", "700": "#2c3a37", "800": "#2c3a37", "900": "#151f1d", "950": "#0d1413",
        },
        "primary": {
            "50": "#eef7f5", "100": "#dcefeb", "200": "#b9dfd7", "300": "#86dccb", "400": "#57c9b4", "500": "#57c9b4",
            "600": "#0b5d54", "700": "#0a4f47", "800": "#08473f", "900": "#12342f", "950": "#04211d",
        },
    },
}  # fmt: skip

# ── security ─────────────────────────────────────────────────────────────────────────────────────
SECURE = _public.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = SECURE
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "config.errors.form_too_old"
SILENCED_SYSTEM_CHECKS: list[str] = []

# ── payment gateways ─────────────────────────────────────────────────────────────────────────────
SANDBOX = env.flag("LOCKSTEP_SANDBOX", default=not PRODUCTION)
if PRODUCTION and SANDBOX:
    raise env.SettingMissing("LOCKSTEP_SANDBOX is on: production takes real money. Leave it out.")
SIMULATOR_URL = env.text("LOCKSTEP_SIMULATOR_URL", "http://localhost:8010")
PAYMENT_MINUTES = env.whole("LOCKSTEP_PAYMENT_MINUTES", 15, least=1)  # from placing to PAYMENT_TIMEOUT
ANSWER_MINUTES = env.whole("LOCKSTEP_ANSWER_MINUTES", 5, least=1)  # how long a shop has to answer a paid order
SHOP_REFUND_DAYS = env.whole("LOCKSTEP_SHOP_REFUND_DAYS", 30, least=0)  # after the end a shop may still return money
# what one person of support may return of one order alone; more needs a second person within so many hours
REFUND_SECOND_PERSON_MINOR = env.whole("LOCKSTEP_REFUND_SECOND_PERSON_MINOR", 50_000, least=0)
REFUND_PROPOSAL_HOURS = env.whole("LOCKSTEP_REFUND_PROPOSAL_HOURS", 24, least=1)
GATEWAY_DIR = Path(env.text("LOCKSTEP_GATEWAY_DIR", str(STATE_DIR / "gateways")))  # keys of both sides

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [
            SELF,
            *([SIMULATOR_URL] if SANDBOX else []),
            "https://openapi.alipay.com",
            "https://mclient.alipay.com",
            "https://wx.tenpay.com",
        ],
    },
}
# unfold's Alpine needs eval and inline styles; only /admin gets this (config/middleware.py)
CONTENT_SECURITY_POLICY_ADMIN = {
    "script-src": [SELF, UNSAFE_EVAL, NONCE],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:"],
}

# ── webhooks: hosts in private address space that an integrator may name, development only ────────
WEBHOOK_PRIVATE_HOSTS = env.words("LOCKSTEP_WEBHOOK_PRIVATE_HOSTS", "" if PRODUCTION else "localhost:8020")

# ── letters: files in the state folder in development, an SMTP server in production ────────────────
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if PRODUCTION else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = STATE_DIR / "mail"
EMAIL_HOST = env.text("LOCKSTEP_SMTP_HOST", "localhost")
EMAIL_PORT = env.whole("LOCKSTEP_SMTP_PORT", 25, least=1)
EMAIL_HOST_USER = env.text("LOCKSTEP_SMTP_USER", "")
EMAIL_HOST_PASSWORD = env.text("LOCKSTEP_SMTP_PASSWORD", "")
EMAIL_USE_TLS = env.flag("LOCKSTEP_SMTP_TLS")
EMAIL_TIMEOUT = 10  # seconds
# "the same again?": so many minutes after a completed order, at most once in so many days, to those who said yes
AGAIN_MINUTES = env.whole("LOCKSTEP_AGAIN_MINUTES", 1_440, least=1)
AGAIN_DAYS = env.whole("LOCKSTEP_AGAIN_DAYS", 14, least=1)
PUSH = env.flag("LOCKSTEP_PUSH", default=not PRODUCTION)  # Web Push; needs a key of its own
VAPID_KEY = (  # base64url of the 32 bytes of a P-256 key, which tells push services who we are
    _secret("LOCKSTEP_VAPID_KEY", "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s", "See manage.py letters vapid-key.")
    if PUSH
    else ""
)
PUSH_PRIVATE_HOSTS = env.words("LOCKSTEP_PUSH_PRIVATE_HOSTS", "")  # push services on this machine, development only
SMS_URL = env.text("LOCKSTEP_SMS_URL", "")  # empty: the log says that one would have been sent
SMS_SECRET = env.text("LOCKSTEP_SMS_SECRET", None, hint="whsec_…: signs what the SMS gateway gets.") if SMS_URL else ""
DEFAULT_FROM_EMAIL = env.text("LOCKSTEP_MAIL_FROM", f"Lockstep <no-reply@{_public.hostname}>")

# ── logs ─────────────────────────────────────────────────────────────────────────────────────────
LOGGING = logs.configuration(env.text("LOCKSTEP_LOG_LEVEL", "WARNING" if not PRODUCTION else "INFO"))
logs.configure()

# ── statistics: order events as Parquet, in a folder or below s3://bucket/prefix ───────────────────
ANALYTICS_URL = env.text("LOCKSTEP_ANALYTICS_URL", str(STATE_DIR / "analytics"))
ANALYTICS_S3 = {
    "endpoint": env.text("LOCKSTEP_S3_ENDPOINT", ""),  # empty: Amazon's
    "region": env.text("LOCKSTEP_S3_REGION", ""),
    "key": env.text("LOCKSTEP_S3_KEY", ""),
    "secret": env.text("LOCKSTEP_S3_SECRET", ""),
}
ANALYTICS_DAYS = env.whole("LOCKSTEP_ANALYTICS_DAYS", 0)  # after which exported events are deleted; 0: never
ANALYTICS_KEPT_BYTES = env.whole("LOCKSTEP_ANALYTICS_KEPT_MB", 1_024, least=1) * 2**20  # of a bucket's files, here
ANALYTICS_WORK = STATE_DIR / "analytics-work"

# ── languages and time ───────────────────────────────────────────────────────────────────────────
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("简体中文"))]
LANGUAGE_COOKIE_NAME = "language"
LOCALE_PATHS = sorted((BASE_DIR / "config" / "locale").glob("[a-z]*"))  # one catalogue a surface
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
USE_THOUSAND_SEPARATOR = False

# ── static files and pictures ────────────────────────────────────────────────────────────────────
STATIC_URL = "/static/"
STATIC_ROOT = STATE_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "config.staticfiles.HashedStorage"
        if env.flag("LOCKSTEP_HASHED_STATIC", default=PRODUCTION)
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
MEDIA_URL = "/media/"
MEDIA_ROOT = STATE_DIR / "media"

# ── REST ─────────────────────────────────────────────────────────────────────────────────────────
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "orders.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["orders.api.rendering.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["orders.api.rendering.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "orders.api.problems.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
API_LIMITS = {  # (calls a minute, burst) of one principal
    "read": (env.whole("LOCKSTEP_API_READS", 600, least=1), 120),
    "write": (env.whole("LOCKSTEP_API_WRITES", 240, least=1), env.whole("LOCKSTEP_API_WRITE_BURST", 60, least=1)),
}
DOOR_LIMIT = (env.whole("LOCKSTEP_DOOR_TRIES", 120, least=1), 60)  # sign-ins and sign-ups of one address
# live connections that one process holds for an account, and for an address (a house or an office has one for all)
LIVE_PER_ACCOUNT = env.whole("LOCKSTEP_LIVE_PER_ACCOUNT", 50, least=1)
LIVE_PER_ADDRESS = env.whole("LOCKSTEP_LIVE_PER_ADDRESS", 1_000, least=1)
LIVE_TOPICS_PER_ACCOUNT = env.whole("LOCKSTEP_LIVE_TOPICS_PER_ACCOUNT", 1_000, least=1)  # that these follow together
LIVE_TOPICS_PER_ADDRESS = env.whole("LOCKSTEP_LIVE_TOPICS_PER_ADDRESS", 10_000, least=1)
LIVE_CONNECTS_PER_ACCOUNT = env.whole("LOCKSTEP_LIVE_CONNECTS_PER_ACCOUNT", 1_200, least=1)  # a minute; polls count
LIVE_CONNECTS_PER_ADDRESS = env.whole("LOCKSTEP_LIVE_CONNECTS_PER_ADDRESS", 12_000, least=1)
WEBHOOK_KEEP_DAYS = env.whole("LOCKSTEP_WEBHOOK_KEEP_DAYS", 90, least=31)  # settled messages; forms offer 31 days
SEAL_ORIGIN = f"{PUBLIC_URL.partition('://')[2]}/log"  # names the log in its checkpoints
API_MENU_SECONDS = 15  # how old a cached menu may be; live frames are faster
SPECTACULAR_SETTINGS = {
    "TITLE": "Lockstep",
    "DESCRIPTION": "Place orders, pay them, follow them; every error is RFC 9457 problem+json with a stable code.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": "/api/v1"}],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SCHEMA_PATH_PREFIX_TRIM": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": False,
    "SORT_OPERATIONS": True,
    "ENUM_NAME_OVERRIDES": {
        "OrderStatus": "orders.order.states.Status.values",
        "PaymentStatus": "orders.order.states.PaymentStatus.values",
        "WebhookState": "orders.api.webhook_shapes.STATES",
        "MessageState": "orders.api.webhook_shapes.MESSAGE_STATES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.api.add_callback_headers",
        "config.api.document_problems",
    ],
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "UPDATE_LAST_LOGIN": False,
    "USER_ID_FIELD": "public_id",
}

# ── Celery: everything is safe to run twice, at once, late or never ──────────────────────────────
CELERY_BROKER_URL = env.text("LOCKSTEP_BROKER_URL", REDIS_URL)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 300  # seconds; below the visibility timeout, or a running task is handed out twice
CELERY_TASK_SOFT_TIME_LIMIT = 270
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
}
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = TIME_ZONE
CELERY_TASK_DEFAULT_QUEUE = "clock"  # deadlines; talk with gateways goes to "money", what may take a while to "slow"
CELERY_TASK_ROUTES = {"orders.tasks.import_keys_file": {"queue": "slow"}}
