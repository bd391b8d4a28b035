"""The samples. Every person, hospital and number is invented; 样 and 例 in the names say so."""

from datetime import date
from decimal import Decimal as D

from .truth import ABSENT, Detail, Invoice, Recognition, Reimbursement, Status, Verification

WEST, CHINESE, TREATMENT, UNKNOWN = "western_medicine", "chinese_medicine", "treatment", "unknown"


def drug(category, name, specification, quantity, unit, price, level, **more) -> Detail:
    more.setdefault("kind", WEST)
    more.setdefault("catalogue_name", name)
    return Detail(category, name, D(quantity), unit, D(price), specification=specification, level=level, **more)


def service(category, name, quantity, unit, price, **more) -> Detail:
    more.setdefault("kind", TREATMENT)
    more.setdefault("catalogue_name", name)
    return Detail(category, name, D(quantity), unit, D(price), **more)


def amounts(**by_name: str) -> tuple[tuple[str, D], ...]:
    return tuple((name, D(amount)) for name, amount in by_name.items())


BEIJING_OUTPATIENT = Invoice(
    stem="01-beijing-outpatient", extension="jpg", look="clean", ink="teal",
    province="北京", region="北京市", inpatient=False,
    note_code="11060123", note_no="0103815274", check_code="4f7a2c", billing_date=date(2023, 5, 16),
    treatment_date=date(2023, 5, 16),
    patient="张样例", gender="男", hospital="北京云杉样例医院", hospital_type="三级综合医院", department="心血管内科",
    insurance_type="城镇职工", business_no="BJ23051600047715", visit_no="90417725", payee="自助机07", reviewer="林样",
    medical_record_no="0007700431", social_security_no="11020345600S", payer_credit_code="1101**********001X",
    invoice_party_code="110601000123", payment_channel="移动支付",
    details=(
        drug("西药费", "阿托伐他汀钙片", "20mg*7片", "2", "盒", "29.3200", "甲", code="XC10AAA061A001", self_pay=D("0.00")),
        drug("西药费", "硝苯地平控释片", "30mg*7片", "3", "盒", "18.2600", "乙", code="XC08CAX158A018", self_pay=D("5.48")),
        service("检查费", "颈动脉彩色多普勒超声", "1", "次", "130.00", code="220302003", level="乙", self_pay=D("13.00")),
        service("化验费", "血脂四项测定", "1", "项", "48.00", code="250303001", level="甲"),
        service("化验费", "糖化血红蛋白测定", "1", "项", "60.00", code="250302003", level="甲"),
        service("医事服务费", "医事服务费(副主任医师)", "1", "次", "60.00", level="甲", catalogue_name=None),
    ),
    fund=D("275.05"), account=D("0.00"), own_expense=D("0.00"),
    region_supplement=(
        ("个人支付金额", D("136.37")), ("其他医保支付", D("0.00")), ("交易流水号", "111100030Z230516007741"),
        ("基金支付", D("275.05")), ("单位补充险[原公疗]支付", D("0.00")), ("年度门诊大额累计支付", D("1043.79")),
        ("本次医保范围内金额", D("392.94")), ("本次支付后个人账户余额", D("0.00")), ("残军补助支付", D("0.00")),
        ("累计医保内范围金额", D("3291.11")), ("自付一", D("117.89")), ("自付二", D("18.48")), ("自费", D("0.00")),
        ("起付金额", D("0.00")), ("超封顶金额", D("0.00")), ("退休补充支付", D("0.00")), ("门诊大额支付", D("275.05")),
    ),
    region_payments=(("个人账户余额", D("0.00")),),
    recognition=Recognition(billing_date_format="%Y年%m月%d日"),
    verification=Verification(standard_status=[], additional_status=[]),
)

HENAN_INPATIENT = Invoice(
    stem="02-henan-inpatient", extension="jpg", look="clean", ink="brown",
    province="河南", region="河南省", inpatient=True,
    note_code="41060224", note_no="0031482759", check_code="b93e1d", billing_date=date(2024, 3, 12),
    patient="李样本", gender="女", hospital="豫中范例人民医院", hospital_type="综合医院", department="东院骨外科",
    insurance_type="城乡居民", business_no="a41f70b92c6e4d15b0837e5512d9c06f", visit_no="2400773150",
    payee="2007", reviewer="2011", medical_record_no="24010077315", insurance_no="410602997700123",
    admission_date=date(2024, 3, 4), discharge_date=date(2024, 3, 12), hospital_days=8,
    bare_categories=amounts(
        床位费="480.00", 诊察费="160.00", 检查费="1286.00", 化验费="932.50", 治疗费="1105.40", 护理费="256.00",
        卫生材料费="738.26", 西药费="2417.93", 中成药费="186.20",
    ),
    fund=D("5104.70"), account=D("0.00"), own_expense=D("186.20"), prepaid=D("3000.00"),
    region_supplement=amounts(个人支付金额="2457.59", 其他医保支付="0.00"),
    region_payments=amounts(
        起付标准="900.00", 乙类自付="210.36", 按比例自付="1161.03", 公务员补助="0.00", 师职补助="0.00",
        **{"大额(病)保险报销": "0.00"}, 大病补充保险报销="0.00", 医疗救助="0.00", 产前检查="0.00",
    ),
    status=Status(printed=True), last_queried="2024-04-02 09:31:07", query_count=2,
    verification=Verification(
        floats=True,
        additional_status={"yidayin": "1", "yikaihongpiao": "0", "yizuofei": "0", "yiruzhang": "0"},
    ),
)

ZHEJIANG_OUTPATIENT = Invoice(
    stem="03-zhejiang-outpatient", extension="png", look="clean", ink="teal",
    qr_form="url without total",
    province="浙江", region="浙江省", inpatient=False,
    note_code="33060123", note_no="1207749516", check_code="0c58aF", billing_date=date(2023, 11, 8),
    treatment_date=date(2023, 11, 7),
    patient="王试例", gender="女", hospital="浙东湖畔样例医院", hospital_type="综合医院", department="消化内科",
    insurance_type="省级职工医保", business_no="ZJ2311080047715", visit_no="MZ00482213", payee="沈例", reviewer="收费处03",
    medical_card_no="A330008812345", invoice_party_code="330601000458",
    details=(
        drug("西药费", "奥美拉唑肠溶胶囊", "20mg*14粒", "2", "盒", "21.5000", "甲"),
        drug("西药费", "铝碳酸镁咀嚼片", "0.5g*20片", "1", "盒", "23.8000", "乙", self_pay=D("1.19")),
        service("检查费", "无痛电子胃镜检查", "1", "次", "520.00", level="乙", self_pay=D("52.00")),
        service("检查费", "内镜活检病理诊断", "2", "部位", "85.00", level="甲"),
        service("化验费", "13C尿素呼气试验", "1", "次", "150.00", level="乙", self_pay=D("15.00")),
        service("诊察费", "普通门诊诊察费", "1", "次", "10.00", level="甲"),
    ),
    fund=D("598.30"), account=D("158.50"), own_expense=D("0.00"),
    region_supplement=amounts(
        历年余额="1204.66", 历年支付="38.50", 基金支付="598.30", 本年余额="0.00", 本年支付="120.00", 现金支付="160.00",
    ),
    region_payments=(
        ("乙类自付", D("16.19")), ("个人自理", D("52.00")), ("道路救助基金垫付", D("0.00")),
        ("道路救助基金垫付信息", "无"), ("个人现金支付明细", "支付宝:100.00;现金:60.00"),
        ("医保统筹基金支付明细", "基本医疗:598.30;大病保险:0.00"), ("其他支付明细", "无"),
    ),
    status=Status(), last_queried="2023-11-20 16:02:44", query_count=1,
    recognition=Recognition(figures_key="AmountInFigures"),
    verification=Verification(
        standard_status=[{"yidayin": "否", "yikaihongpiao": "否", "yizuofei": "否", "yiruzhang": "否"}],
        additional_status=[{"yidayin": "否", "yikaihongpiao": "否", "yizuofei": "否", "yiruzhang": "否"}],
    ),
)

SHANGHAI_OUTPATIENT = Invoice(
    stem="04-shanghai-outpatient", extension="jpg", look="clean", ink="brown", qr_mask=1,
    province="上海", region="上海市", inpatient=False,
    note_code="31060122", note_no="0048213367", check_code="e6d410", billing_date=date(2022, 9, 27),
    treatment_date=date(2022, 9, 27),
    patient="陈范例", gender="男", hospital="上海浦样示范医院", hospital_type="三级医院", department="内分泌科",
    insurance_type="职工基本医疗保险", business_no="SH20220927110338", visit_no="90017734", payee="021", reviewer="108",
    social_security_no="SH0099887766X", yuan="圆",
    details=(
        drug("西药费", "盐酸二甲双胍缓释片", "0.5g*30片", "3", "盒", "15.4000", "甲"),
        drug("西药费", "达格列净片", "10mg*14片", "2", "盒", "60.9500", "乙", self_pay=D("6.10")),
        service("化验费", "葡萄糖测定", "1", "项", "7.00", level="甲"),
        service("化验费", "糖化血红蛋白测定", "1", "项", "65.00", level="甲"),
        service("诊察费", "专科门诊诊察费", "1", "次", "25.00", level="甲"),
    ),
    fund=D("0.00"), account=D("113.00"), other=D("126.00"), own_expense=D("0.00"),
    region_supplement=amounts(
        分类自负="6.10", 历年余额="0.00", 本年余额="412.36", 现金支付="26.10", 自负="20.00", 自费="0.00", 附加支付="126.00",
    ),
    region_payments=amounts(
        分类自负="6.10", 个人自负="20.00", 附加基金支付="126.00", 医保当年账户余额="412.36", 医保历年账户余额="0.00",
    ),
    status=Status(), query_count=0,
    recognition=Recognition(billing_date_format="%Y年%m月%d日", unread=("HospitalType",)),
    verification=Verification(
        additional_status=[{"yidayin": ""}, {"yikaihongpiao": None}, {"yizuofei": "0"}, {"yiruzhang": 0}],
        standard_status=ABSENT, reimbursements_key=True,
    ),
)

GUANGDONG_INPATIENT_VOIDED = Invoice(
    stem="05-guangdong-inpatient-voided", extension="jpg", look="print", ink="teal",
    province="广东", region="广东省", inpatient=True,
    note_code="44060123", note_no="0209937718", check_code="A81c3b", billing_date=date(2023, 11, 28),
    patient="黄试样", gender="男", hospital="岭南木棉样例医院", hospital_type="综合医院", department="普外科",
    insurance_type="职工医保", business_no="GD231128000961", visit_no="ZY0055182", payee="何例", reviewer="罗样",
    medical_record_no="BA7741200", work_unit="岭南样例软件有限公司",
    admission_date=date(2023, 11, 20), discharge_date=date(2023, 11, 28), hospital_days=8,
    bare_categories=amounts(
        床位费="640.00", 诊查费="320.00", 检查费="2175.00", 化验费="1468.30", 手术费="3850.00", 麻醉费="980.00",
        治疗费="742.60", 护理费="416.00", 卫生材料费="4126.75", 西药费="3058.14",
    ),
    fund=D("12043.52"), account=D("0.00"), other=D("1320.00"), own_expense=D("612.00"), prepaid=D("4000.00"),
    region_supplement=amounts(个人支付金额="4413.27", 其他医保支付="1320.00"),
    region_payments=amounts(政策性减免="0.00"),
    status=Status(voided=True), last_queried="2023-12-15 08:45:19", query_count=7, remark="作废原因：重复开具",
    thousands=True,
    recognition=Recognition(stay_date_format="%Y年%m月%d日", billing_date_format="%Y年%m月%d日"),
    verification=Verification(standard_status={"yizuofei": "是"}, additional_status=[]),
)

JIANGSU_OUTPATIENT_RED_LETTERED = Invoice(
    stem="06-jiangsu-outpatient-red-lettered", extension="jpg", look="clean", ink="brown",
    province="江苏", region="江苏省", inpatient=False,
    note_code="32060124", note_no="0077120853", check_code="7d02b9", billing_date=date(2024, 2, 19),
    treatment_date=date(2024, 2, 19),
    patient="周样试", gender="女", hospital="苏南梧桐范例中医院", hospital_type="中医医院", department="针灸推拿科",
    insurance_type="职工医保", business_no="JS0219240771", visit_no="7700219", payee="陆例", reviewer="0032", whole="正",
    details=(
        drug("中草药费", "黄芪", None, "105", "g", "0.1800", "甲", kind=CHINESE),
        drug("中草药费", "当归", None, "70", "g", "0.2600", "甲", kind=CHINESE),
        drug("中草药费", "炒白术", None, "84", "g", "0.1500", "甲", kind=CHINESE, catalogue_name="白术"),
        drug("中草药费", "甘草片", None, "42", "g", "0.0900", "甲", kind=CHINESE, catalogue_name="甘草"),
        drug("中成药费", "六味地黄丸(浓缩丸)", "200丸", "2", "瓶", "24.6000", "甲", kind=CHINESE),
        service("治疗费", "普通针刺", "1", "次", "38.00", level="甲"),
        service("诊察费", "中医辨证论治费", "1", "次", "15.00", level="甲", kind=UNKNOWN),
    ),
    fund=D("62.27"), account=D("93.41"), own_expense=D("0.00"),
    region_supplement=amounts(个人支付金额="93.41", 其他医保支付="0.00"),
    region_payments=amounts(大病保险支付="0.00", 其他保险支付="0.00", 医疗救助支付="0.00", 个人账户余额="1306.25"),
    status=Status(red_lettered=True), last_queried="2024-03-05 14:20:00", query_count=3,
    verification=Verification(
        additional_status=[{"yidayin": "否", "yikaihongpiao": "2024-03-02", "yizuofei": "", "yiruzhang": "否"}],
        standard_status=None,
    ),
)

SHANDONG_OUTPATIENT_POSTED = Invoice(
    stem="07-shandong-outpatient-posted", extension="jpg", look="clean", ink="teal",
    qr_form="parameters",
    province="山东", region="山东省", inpatient=False,
    note_code="37060123", note_no="0816600427", check_code="c15e8f", billing_date=date(2023, 7, 3),
    treatment_date=date(2023, 7, 3),
    patient="孙例样", gender="男", hospital="鲁东海滨样例口腔医院", hospital_type="口腔专科医院", department="牙体牙髓科",
    insurance_type="职工基本医疗保险", business_no="SD230703A00918", visit_no="K2300918", payee="微信公众号", reviewer="005",
    payment_channel="微信支付",
    details=(
        service("治疗费", "根管治疗(单根)", "1", "根管", "268.00", code="310511009", level="乙"),
        service("卫生材料费", "光固化复合树脂", "1", "支", "120.00", level="丙", self_pay=D("120.00"), kind=UNKNOWN,
                catalogue_name=None),
        service("检查费", "根尖片X线摄影", "2", "片", "20.00", code="210102001", level="甲"),
        drug("西药费", "甲硝唑片", "0.2g*21片", "1", "盒", "6.8000", "甲"),
        service("诊察费", "普通门诊诊察费", "1", "次", "8.00", level="甲"),
    ),
    fund=D("0.00"), account=D("300.00"), own_expense=D("120.00"),
    region_supplement=amounts(个人支付金额="442.80", 其他医保支付="0.00"),
    status=Status(posted=True), last_queried="2023-08-01 10:00:12", query_count=4,
    recognition=Recognition(billing_date_format="%Y年%m月%d日"),
    verification=Verification(additional_status=["已入账"], standard_status=[], without_province=True),
)

HEBEI_INPATIENT_REIMBURSED = Invoice(
    stem="08-hebei-inpatient-reimbursed", extension="jpg", look="clean", ink="brown",
    province="河北", region="河北省", inpatient=True,
    note_code="13060122", note_no="0005274419", check_code="2b6f0e", billing_date=date(2022, 6, 18),
    patient="赵样范", gender="女", hospital="燕赵白杨范例医院", hospital_type="综合医院", department="呼吸内科",
    insurance_type="城镇职工", business_no="HB220618771024", visit_no="220611043", payee="韩例", reviewer="冯样",
    medical_record_no="220043117", insurance_no="1306997700451",
    admission_date=date(2022, 6, 11), discharge_date=date(2022, 6, 17), hospital_days=7,  # both ends counted
    bare_categories=amounts(
        床位费="350.00", 诊察费="112.00", 检查费="1640.00", 化验费="1215.40", 治疗费="968.00", 护理费="182.00",
        卫生材料费="1420.60", 西药费="3761.20", 中成药费="214.20",
    ),
    fund=D("6412.85"), account=D("200.00"), other=D("850.00"), own_expense=D("318.40"), prepaid=D("3000.00"),
    region_supplement=amounts(
        个人账户余额="316.42", 统筹累计支付="6412.85", 自负="2282.15", 自费="318.40", 起付标准="600.00",
    ),
    region_payments=amounts(起付标准="600.00"),
    status=Status(posted=True), last_queried="2022-07-30 11:26:35", query_count=5,
    reimbursements=(
        Reimbursement("燕赵样例互助保险社", date(2022, 7, 5), D("1200.55")),
        Reimbursement("冀北范例财产保险公司", date(2022, 7, 21), D("800.00")),
    ),
    thousands=True,
    recognition=Recognition(billing_date_format="%Y年%m月%d日"),
    verification=Verification(
        floats=True,
        additional_status=[{"yidayin": "0", "yikaihongpiao": "0", "yizuofei": "0", "yiruzhang": "1"}],
        standard_status=[],
    ),
)

BEIJING_OUTPATIENT_MISREAD = Invoice(
    stem="09-beijing-outpatient-misread", extension="jpg", look="clean", ink="brown", qr_mask=1,
    province="北京", region="北京市", inpatient=False,
    note_code="11060120", note_no="0103770426", check_code="9ad37e", billing_date=date(2020, 6, 3),
    treatment_date=date(2020, 6, 3),
    patient="吴例试", gender="男", hospital="北京银杏范例医院", hospital_type="综合医院", department="心内科门诊",
    insurance_type="城镇职工(退休)", business_no="BJ20060300031044", visit_no="90377041", payee="李样四", reviewer="窗口12",
    social_security_no="11020098700S",
    details=(
        drug("西药费", "硫酸氢氯吡格雷片", "75mg*28片", "3", "盒", "76.4400", "乙"),
        drug("西药费", "瑞舒伐他汀钙片", "10mg*28片", "2", "盒", "58.6100", "乙"),
        service("检查费", "动态心电图", "1", "次", "210.00", level="甲"),
        service("检查费", "心脏彩色多普勒超声", "1", "次", "220.00", level="甲"),
        service("化验费", "心肌酶谱测定", "1", "项", "62.94", level="甲"),
        service("医事服务费", "医事服务费(知名专家)", "1", "次", "100.00", level="甲"),
    ),
    fund=D("101.75"), account=D("0.00"), own_expense=D("0.00"),
    region_supplement=(
        ("个人支付金额", D("837.73")), ("其他医保支付", D("0.00")), ("交易流水号", "111100030Z200603007741"),
        ("基金支付", D("101.75")), ("单位补充险[原公疗]支付", D("0.00")), ("年度门诊大额累计支付", D("83.79")),
        ("本次医保范围内金额", D("896.81")), ("本次支付后个人账户余额", D("0.00")), ("残军补助支付", D("0.00")),
        ("累计医保内范围金额", D("1419.70")), ("自付一", D("795.06")), ("自付二", D("42.67")), ("自费", D("0.00")),
        ("起付金额", D("777.11")), ("超封顶金额", D("0.00")), ("退休补充支付", D("17.96")), ("门诊大额支付", D("83.79")),
    ),
    recognition=Recognition(
        billing_date_format="%Y年%m月%d日", misread_figures=D("1939.48"), without_table=True,
    ),
    verification=Verification(standard_status=ABSENT, additional_status=None),
)

HENAN_OUTPATIENT_SCAN = Invoice(
    stem="10-henan-outpatient-scan", extension="bmp", look="scan", ink="teal",
    qr_form="tax",
    province="河南", region="河南省", inpatient=False,
    note_code="41060121", note_no="1031647250", check_code="5e90d2", billing_date=date(2021, 10, 17),
    treatment_date=date(2021, 10, 17),
    patient="郑样范", gender="男", hospital="河南柳荫样例医院", hospital_type="综合医院", department="手足外科",
    insurance_type="普通病人", business_no="5c1b20f7d9e64b0ea7719c0d4412ab93", visit_no="2002611874",
    payee="2007", reviewer="2007", medical_record_no="30010018821", payer_credit_code="4108**********005X",
    details=(
        service("检查费", "数字化摄影(DR)", "2", "曝光次数", "63.00", level="甲"),
        service("检查费", "关节彩色多普勒超声", "1", "次", "65.00", level="乙", self_pay=D("6.50")),
        service("治疗费", "换药(中)", "1", "次", "16.00", level="甲"),
    ),
    fund=D("0.00"), account=D("0.00"), own_expense=D("0.00"),
    region_supplement=amounts(个人支付金额="207.00", 其他医保支付="0.00"),
    region_payments=amounts(起付标准="0.00", 乙类自付="0.00", 按比例自付="0.00", 公务员补助="0.00", 医疗救助="0.00"),
    status=Status(), recognition=Recognition(unread=("Payee", "RecordNum")),
    verification=Verification(
        standard_status={"yidayin": False, "yikaihongpiao": False, "yizuofei": False, "yiruzhang": False},
        additional_status=[],
    ),
)

TIANJIN_OUTPATIENT_PHOTO = Invoice(
    stem="11-tianjin-outpatient-photo", extension="jpg", look="photo", ink="teal",
    province="天津", region="天津市", inpatient=False,
    note_code="12060123", note_no="0340095861", check_code="f07b64", billing_date=date(2023, 12, 21),
    treatment_date=date(2023, 12, 21),
    patient="钱小样", hospital="津门海棠范例儿童医院", hospital_type="儿童医院", department="儿内科",
    insurance_type="城乡居民(学生儿童)", business_no="TJ231221007718", visit_no="E0093417", payee="自助05", reviewer="马例",
    details=(
        drug("西药费", "阿奇霉素干混悬剂", "0.1g*6袋", "1", "盒", "22.4000", "甲"),
        drug("西药费", "布洛芬混悬液", "100ml", "1", "瓶", "18.9000", "乙", self_pay=D("1.89")),
        service("化验费", "血细胞分析(五分类)", "1", "次", "20.00", level="甲"),
        service("化验费", "C反应蛋白测定", "1", "项", "25.00", level="甲"),
        service("检查费", "胸部数字化摄影(DR)", "1", "曝光次数", "75.00", level="甲"),
        service("治疗费", "雾化吸入治疗", "3", "次", "8.50", level="甲"),
        service("诊察费", "儿科诊察费", "1", "次", "35.00", level="甲"),
    ),
    fund=D("108.55"), account=D("0.00"), own_expense=D("0.00"),
    region_supplement=amounts(个人支付金额="113.25", 其他医保支付="0.00"),
    status=Status(printed=True), last_queried="2024-01-03 20:15:41", query_count=2,
    recognition=Recognition(unread=("BusinessNum",)),
    verification=Verification(
        standard_status=[{"yizuofei": "0"}, {"yikaihongpiao": "0"}],
        additional_status=[{"yidayin": "已打印"}, {"yiruzhang": ""}], unknown_kind=True,
    ),
)

SHANGHAI_INPATIENT_LONG = Invoice(
    stem="12-shanghai-inpatient-long", extension="jpg", look="clean", ink="teal",
    province="上海", region="上海市", inpatient=True,
    note_code="31060224", note_no="0071930546", check_code="18Dc7a", billing_date=date(2024, 5, 30),
    patient="徐范样", gender="女", hospital="上海申样江畔示范医院", hospital_type="三级医院", department="神经内科",
    insurance_type="职工基本医疗保险", business_no="SH20240530004417", visit_no="ZY24051907", payee="033", reviewer="117",
    medical_record_no="24-051907", social_security_no="SH0011223344X", medical_card_no="C31000771",
    work_unit="上海范例纺织样品厂", invoice_party_code="310602000071",
    admission_date=date(2024, 5, 19), discharge_date=date(2024, 5, 29), hospital_days=10,
    details=(
        service("床位费", "三人间床位费", "10", "日", "52.00", code="110900001", level="甲"),
        service("诊察费", "住院诊察费", "10", "日", "22.00", code="110200005", level="甲"),
        service("护理费", "Ⅱ级护理", "9", "日", "30.00", code="120100004", level="甲"),
        service("护理费", "Ⅰ级护理", "1", "日", "48.00", code="120100003", level="甲"),
        service("检查费", "头颅磁共振平扫(1.5T)", "1", "部位", "640.00", code="210200001", level="乙", self_pay=D("64.00")),
        service("检查费", "头颈CT血管造影", "1", "次", "885.00", code="210300004", level="乙", self_pay=D("88.50")),
        service("检查费", "十二通道常规心电图", "2", "次", "26.00", code="310701001", level="甲"),
        service("检查费", "经颅多普勒超声", "1", "次", "138.00", code="220302010", level="甲"),
        service("化验费", "血细胞分析", "3", "次", "20.00", code="250101015", level="甲"),
        service("化验费", "肝肾功能全套", "2", "套", "156.00", code="250305000", level="甲"),
        service("化验费", "凝血功能四项", "2", "套", "84.00", code="250203000", level="甲"),
        service("化验费", "血清同型半胱氨酸测定", "1", "项", "70.00", code="250304012", level="乙", self_pay=D("7.00")),
        service("治疗费", "静脉输液", "10", "日", "12.50", code="120400006", level="甲"),
        service("治疗费", "偏瘫肢体综合训练", "6", "次", "55.00", code="340200020", level="乙", self_pay=D("33.00")),
        service("治疗费", "吞咽功能障碍训练", "4", "次", "46.00", code="340200033", level="甲"),
        drug("西药费", "阿司匹林肠溶片", "100mg*30片", "1", "盒", "14.7600", "甲", code="XB01ACA109A012"),
        drug("西药费", "硫酸氢氯吡格雷片", "75mg*7片", "2", "盒", "19.1100", "乙", code="XB01ACL182A001"),
        drug("西药费", "阿托伐他汀钙片", "20mg*28片", "1", "盒", "47.3200", "甲", code="XC10AAA061A001"),
        drug("西药费", "依达拉奉右莰醇注射液", "5ml:10mg", "20", "支", "48.8000", "乙", self_pay=D("97.60")),
        drug("西药费", "丁苯酞软胶囊", "0.1g*24粒", "3", "盒", "123.3500", "乙", self_pay=D("37.01")),
        drug("西药费", "0.9%氯化钠注射液", "100ml", "30", "袋", "1.9800", "甲"),
        drug("西药费", "甲钴胺片", "0.5mg*20片", "2", "盒", "17.6550", "乙", self_pay=D("3.53")),
        drug("中成药费", "银杏叶滴丸", "63mg*60丸", "2", "盒", "27.9600", "乙", kind=CHINESE, self_pay=D("5.59")),
        drug("中草药费", "川芎配方颗粒", None, "60", "g", "0.4150", "乙", kind=CHINESE, catalogue_name=None),
        service("卫生材料费", "一次性使用输液器", "10", "套", "2.3500", level="甲", kind=UNKNOWN, catalogue_name=None),
        service("卫生材料费", "静脉留置针", "3", "支", "18.6000", level="乙", kind=UNKNOWN, self_pay=D("5.58")),
        service("其他费", "膳食营养指导", "1", "次", "30.00", level="丙", kind=UNKNOWN, self_pay=D("30.00")),
    ),
    fund=D("3862.15"), account=D("517.40"), other=D("126.30"), own_expense=D("30.00"), prepaid=D("500.00"), yuan="圆",
    region_supplement=amounts(
        分类自负="341.81", 历年余额="2210.08", 本年余额="0.00", 现金支付="1247.33", 自负="1392.92", 自费="30.00",
        附加支付="126.30",
    ),
    region_payments=amounts(
        分类自负="341.81", 个人自负="1392.92", 附加基金支付="126.30", 医保当年账户余额="0.00", 医保历年账户余额="2210.08",
    ),
    status=Status(printed=True), last_queried="2024-06-11 13:05:58", query_count=12,
    thousands=True,
    recognition=Recognition(stay_date_format="%Y年%m月%d日"),
    verification=Verification(
        additional_status={"yidayin": 1, "yikaihongpiao": 0, "yizuofei": 0, "yiruzhang": None},
        standard_status=[{"yidayin": "是"}],
    ),
)

SAMPLES = (
    BEIJING_OUTPATIENT, HENAN_INPATIENT, ZHEJIANG_OUTPATIENT, SHANGHAI_OUTPATIENT, GUANGDONG_INPATIENT_VOIDED,
    JIANGSU_OUTPATIENT_RED_LETTERED, SHANDONG_OUTPATIENT_POSTED, HEBEI_INPATIENT_REIMBURSED,
    BEIJING_OUTPATIENT_MISREAD, HENAN_OUTPATIENT_SCAN, TIANJIN_OUTPATIENT_PHOTO, SHANGHAI_INPATIENT_LONG,
)
